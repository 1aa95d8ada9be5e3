import {
  evaluateByReference,
  greaterEqual,
  input,
  select,
  sigmoid,
  type Tensor,
  type TensorLike,
  tanh,
} from "@lowbit/core-tensor";
import type { BoundEdgeQuantizer } from "./cell-quantizers.js";
import { packedFormat } from "./edge-codes.js";

// What is behind a gate's sigmoid or tanh goes to a grid of a few levels, so all that counts of the activation is between which two of its
// levels a value falls. In evaluation a grid of at most eight levels is decided before the activation: x ≥ boundary, with the boundaries
// of the exact activation. Finer grids, training and full precision compute it in float32, within 2.5 units in the last place.

/** A function that rises from `low` to `high`, in float64. */
interface Activation {
  readonly exact: (x: number) => number;
  readonly graph: (x: Tensor) => Tensor;
}

const activations = {
  sigmoid: { exact: (x) => 1 / (1 + Math.exp(-x)), graph: sigmoid },
  tanh: { exact: Math.tanh, graph: tanh },
} satisfies Record<string, Activation>;

export type ActivationName = keyof typeof activations;

/** A staircase: `levels[i]` from `boundaries[i − 1]` on, both rising and in float32. */
export interface Staircase {
  readonly boundaries: readonly number[];
  readonly levels: readonly number[];
}

/** Comparing with more boundaries takes as long as the activation. */
const MOST_LEVELS = 8;
/** Both activations are at their ends there, in float32. */
const REACH = 32;
const SAMPLES = 513;

const known = new WeakMap<BoundEdgeQuantizer, Map<ActivationName, Staircase | undefined>>();

/**
 * An activation and its quantizer as one staircase in x: below a boundary the exact activation, rounded to float32, goes to a lower level,
 * from it on to a higher one. Found by bisection over the float32 numbers, so each boundary is the very first of its level.
 *
 * @returns undefined where there are more than eight levels, or a quantizer that does not rise with its values
 */
export function staircaseOf(name: ActivationName, edge: BoundEdgeQuantizer): Staircase | undefined {
  const found = known.get(edge) ?? new Map<ActivationName, Staircase | undefined>();
  known.set(edge, found);
  if (!found.has(name)) found.set(name, findStaircase(name, edge));
  return found.get(name);
}

function findStaircase(name: ActivationName, edge: BoundEdgeQuantizer): Staircase | undefined {
  if (packedFormat(edge).levels > MOST_LEVELS) return undefined;
  const levelsAt = levelReader(activations[name].exact, edge);
  const levelAt = (x: number): number => levelsAt(Float32Array.of(x))[0];
  const stairs: { boundary: number; level: number }[] = [];
  const climb = (low: number, lowLevel: number, high: number, highLevel: number): void => {
    if (lowLevel === highLevel || stairs.length >= MOST_LEVELS) return;
    if (high - low === 1) {
      stairs.push({ boundary: floatAt(high), level: highLevel });
      return;
    }
    const middle = Math.floor((low + high) / 2);
    const level = levelAt(floatAt(middle));
    climb(low, lowLevel, middle, level);
    climb(middle, level, high, highLevel);
  };
  const lowest = levelAt(-REACH);
  climb(placeOf(-REACH), lowest, placeOf(REACH), levelAt(REACH));
  const staircase = {
    boundaries: stairs.map(({ boundary }) => boundary),
    levels: [lowest, ...stairs.map(({ level }) => level)].map((level) => level + 0), // no −0
  };
  const isRising = staircase.levels.every((level, i, all) => i === 0 || all[i - 1] < level);
  const samples = Float32Array.from(
    { length: SAMPLES },
    (_, i) => ((2 * i) / (SAMPLES - 1) - 1) * REACH * ((i % 8) + 1) ** -1,
  );
  const agrees = levelsAt(samples).every((level, i) => level === climbTo(staircase, samples[i]));
  return isRising && agrees ? staircase : undefined;
}

const climbTo = ({ boundaries, levels }: Staircase, x: number): number =>
  levels[boundaries.filter((boundary) => x >= boundary).length];

/** The levels that values go to behind the exact activation. */
function levelReader(exact: (x: number) => number, { quantizer, options }: BoundEdgeQuantizer) {
  return (xs: Float32Array): Float32Array => {
    const values = input("activations", [xs.length]);
    const levels = quantizer.fakeQuantize(values, options);
    return evaluateByReference(levels, new Map([[values, xs.map(exact)]])).data as Float32Array;
  };
}

const bits = new DataView(new ArrayBuffer(4));

/** The place of a float32 among all of them, 0 for both zeros; and back. */
function placeOf(value: number): number {
  bits.setFloat32(0, Math.abs(value));
  return Math.sign(value) * bits.getInt32(0);
}

function floatAt(place: number): number {
  bits.setInt32(0, Math.abs(place));
  return Math.sign(place) * bits.getFloat32(0);
}

/**
 * A gate of a cell: an activation, and the grid that its slot names.
 *
 * In training the activation in float32, then the quantizer, whose gradient training needs. In evaluation, on grids of up to eight levels,
 * the staircase of both: the codes are those of the exact activation. The two differ where float32 puts an activation on the other side of
 * a boundary, within 2.5 units in the last place of it.
 */
export function gateActivation(
  name: ActivationName,
  edge: BoundEdgeQuantizer | undefined,
  training: boolean,
): (x: Tensor) => Tensor {
  const { graph } = activations[name];
  if (!edge) return graph;
  const staircase = training ? undefined : staircaseOf(name, edge);
  if (!staircase) return (x) => edge.quantizer.fakeQuantize(graph(x), edge.options);
  const { boundaries, levels } = staircase;
  if (boundaries.length === 0) return (x) => edge.quantizer.fakeQuantize(graph(x), edge.options);
  return (x) =>
    boundaries.reduce<TensorLike>(
      (below, boundary, i) => select(greaterEqual(x, boundary), levels[i + 1], below),
      levels[0],
    ) as Tensor;
}
