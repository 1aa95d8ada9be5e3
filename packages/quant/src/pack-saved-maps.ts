import {
  buildNode,
  type CodeFormat,
  clipGradient,
  codeFormat,
  constantOf,
  packCodes,
  rewrite,
  select,
  type Tensor,
  topologicalOrder,
  unpackCodes,
} from "@lowbit/core-tensor";
import { seenThrough } from "./find-layers.js";

/** Levels as codes: what a few bits hold of a map of float32. */
export interface CodedLevels {
  readonly codes: Tensor;
  readonly format: CodeFormat;
  /** Codes to levels, exactly those that were coded. */
  readonly restore: (codes: Tensor) => Tensor;
}

export interface PackSavedOptions {
  /** The fake-quantized edges of the forward pass. */
  readonly coded: Pick<WeakMap<Tensor, CodedLevels>, "get">;
  /** Compute the outputs of quantized convolutions again where batch norm's gradient needs them, instead of keeping them. */
  readonly recompute?: boolean;
}

const mask: CodeFormat = codeFormat("binary", 0, 1);

/** The levels of an edge from packed codes; a max pool or a reshape of them is made of the codes that it would move. */
function restoredLevels(edge: Tensor, coded: PackSavedOptions["coded"]): Tensor | undefined {
  const levels = coded.get(edge);
  if (levels) return levels.restore(throughPacked(levels.codes, levels.format));
  const [source, ...others] = edge.inputs;
  const behind = seenThrough.has(edge.op.name) && others.length === 0 ? coded.get(source) : undefined;
  if (!behind) return undefined;
  return behind.restore(throughPacked(buildNode(edge.op, [behind.codes], edge.attributes, edge.layer), behind.format));
}

function throughPacked(codes: Tensor, format: CodeFormat): Tensor {
  return unpackCodes(packCodes(codes, { format }), { format });
}

/** dy where the clip let x through: one bit for each value instead of x itself. Equal to clipGradient, bit for bit. */
function maskedGradient(dy: Tensor, x: Tensor, attributes: { min: number; max: number }): Tensor {
  const passes = clipGradient(constantOf(1), x, attributes);
  return select(throughPacked(passes, mask), dy, 0);
}

/**
 * Rewrites a training step so that its backward pass reads packed codes (k bits) and clip masks (1 bit) where it would read
 * float32 maps of quantized edges: the planner then lets those maps go in the forward pass. Gradients stay equal, bit for bit.
 *
 * @param results  the step's results; the writes recorded by the running trace follow
 * @param loss     everything built after it is the backward pass
 */
export function packSavedMaps(
  results: readonly Tensor[],
  loss: Tensor,
  { coded, recompute }: PackSavedOptions,
): Tensor[] {
  const changing = new Set<Tensor>();
  for (const node of topologicalOrder([loss])) {
    if (node.op.name === "input" || node.inputs.some((each) => changing.has(each))) changing.add(node);
  }
  const restored = new Map<Tensor, Tensor>();
  const restore = (edge: Tensor): Tensor | undefined => {
    const made = restored.get(edge) ?? restoredLevels(edge, coded) ?? (recompute ? recomputed(edge) : undefined);
    if (made) restored.set(edge, made);
    return made;
  };
  const recomputed = (seen: Tensor): Tensor | undefined => {
    const edge = seen.op.isView && seen.op.name === "quantizeGradient" ? seen.inputs[0] : seen;
    const levels = edge.op.name === "conv2d" ? restore(edge.inputs[0]) : undefined;
    return levels && buildNode(edge.op, [levels, edge.inputs[1]], edge.attributes, edge.layer);
  };
  return rewrite(results, (node, inputs) => {
    if (node.id <= loss.id) return undefined;
    const saved = inputs.map((input) => (changing.has(input) ? (restore(input) ?? input) : input));
    if (node.op === clipGradient.declaration && changing.has(node.inputs[1])) {
      return maskedGradient(saved[0], saved[1], node.attributes);
    }
    return saved.some((each, i) => each !== inputs[i])
      ? buildNode(node.op, saved, node.attributes, node.layer)
      : undefined;
  });
}
