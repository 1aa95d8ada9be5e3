import { sameShape } from "../graph/shape.js";
import type { Tensor } from "../graph/tensor.js";
import { add } from "../ops/arithmetic.js";
import { concat, zeroPad } from "../ops/shape-ops.js";

/** Whether a gradient came out of a slice: a block in a field of zeros. */
export const isPiece = ({ op }: Tensor): boolean => op === zeroPad.declaration;

/** The axes along which a piece has zeros beside it. */
function paddedAxes({ attributes: { before, after } }: Tensor): number[] {
  return before.flatMap((_: number, axis: number) => (before[axis] > 0 || after[axis] > 0 ? [axis] : []));
}

/**
 * The sum of pieces of one shape. Those that lie side by side along one axis, as the steps of a sequence or the gates of a cell do,
 * become one concat: T slices of a sequence cost what the sequence weighs, and not T times that.
 */
export function joinPieces(pieces: readonly Tensor[]): Tensor {
  const plainSum = () => pieces.reduce((sum, piece) => add(sum, piece));
  const axes = new Set(pieces.flatMap(paddedAxes));
  if (pieces.length === 1 || axes.size !== 1) return plainSum();
  const [axis] = axes;
  const startOf = (piece: Tensor): number => piece.attributes.before[axis];
  const endOf = (piece: Tensor): number => startOf(piece) + piece.inputs[0].shape[axis];
  const inOrder = [...pieces].sort((a, b) => startOf(a) - startOf(b));
  if (!inOrder.every((piece, i) => i === 0 || startOf(piece) === endOf(inOrder[i - 1]))) return plainSum();

  const whole = concat(
    inOrder.map(({ inputs }) => inputs[0]),
    { axis },
  );
  const { shape } = pieces[0];
  if (sameShape(whole.shape, shape)) return whole;
  const first = inOrder[0].attributes.before;
  return zeroPad(whole, { before: first, after: shape.map((size, i) => size - first[i] - whole.shape[i]) });
}
