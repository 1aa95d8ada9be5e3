import { input, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { type BatchNormNodes, batchNormAt, readersBelow } from "../batch-norm-nodes.js";
import { findLayers, weightOf } from "../find-layers.js";

/** Two layers between which a channel can be scaled: nothing else reads it, and what lies between is positively homogeneous. */
export interface LayerPair {
  readonly first: string;
  readonly second: string;
  /** [M, …]: output channels on axis 0. */
  readonly firstWeight: Variable;
  /** Added to the first layer's sum, [M]; absent where there is none. */
  readonly bias?: Variable;
  /** Between the two; it has to be absorbed before channels are scaled. */
  readonly batchNorm?: BatchNormNodes;
  /** [P, C/groups, …] or [P, K]. */
  readonly secondWeight: Variable;
  readonly secondGroups: number;
  /** Inputs of the second layer that one channel of the first makes: 1, or height · width behind a flatten. */
  readonly inputsPerChannel: number;
}

/** Operations f with f(s · x) = s · f(x) for every s > 0, which keep channels apart. */
const homogeneous = new Set(["relu", "maxPool2d", "averagePool2d"]);

/**
 * The pairs of neighbouring layers of a model: a layer, then batch norm or a bias, ReLU and pools, then another, all read once.
 *
 * Source: Nagel et al., arXiv 1906.04721, section 4.1
 */
export function findLayerPairs(model: Model): LayerPair[] {
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const readersOf = readersBelow(output);
  const timesRead = new Map<Variable, number>();
  const layers = findLayers(output);
  for (const { weight } of layers) timesRead.set(weight, readersOf(weight.tensor).length);
  return layers.flatMap(({ name, node, weight }) => {
    const end = followChannels(node, readersOf);
    const secondWeight = end && weightOf(end.reader);
    if (!end || !secondWeight || secondWeight === weight) return [];
    if (timesRead.get(weight) !== 1 || timesRead.get(secondWeight) !== 1) return []; // a shared weight is scaled for one, not for all
    const { bias, batchNorm, inputsPerChannel } = end;
    const second = end.reader.layer || secondWeight.name;
    const secondGroups = end.reader.attributes.groups ?? 1;
    const pair = { first: name, second, firstWeight: weight, secondWeight, secondGroups, inputsPerChannel };
    return [{ ...pair, ...(bias && { bias }), ...(batchNorm && { batchNorm }) }];
  });
}

/** From a layer's sum on, while one node alone reads it: the layer that reads it at the end, and what lay between. */
function followChannels(sum: Tensor, readersOf: (node: Tensor) => readonly Tensor[]) {
  const channels = sum.shape[1];
  let [node, inputsPerChannel] = [sum, 1];
  let bias: Variable | undefined;
  let batchNorm: BatchNormNodes | undefined;
  for (;;) {
    const [reader, ...others] = readersOf(node);
    if (!reader || others.length > 0) return undefined;
    if (weightOf(reader) && reader.inputs[0] === node) return { reader, bias, batchNorm, inputsPerChannel };
    const norm: BatchNormNodes | undefined = batchNormAt(reader, readersOf);
    const added = biasOf(reader, channels);
    if (norm && node === sum) {
      batchNorm = norm;
      node = norm.output;
      continue;
    }
    if (added && node === sum) bias = added;
    else if (reader.op.name === "reshape" && reader.shape.length === 2 && reader.shape[0] === node.shape[0]) {
      inputsPerChannel *= reader.shape[1] / channels; // [N, C, H, W] → [N, C · H · W]: a channel's values stay together
    } else if (!homogeneous.has(reader.op.name)) return undefined;
    node = reader;
  }
}

/** The variable [M] that a node adds to each channel. */
function biasOf(node: Tensor, channels: number): Variable | undefined {
  if (node.op.name !== "add") return undefined;
  const source = node.inputs[1].op.name === "reshape" ? node.inputs[1].inputs[0] : node.inputs[1];
  const variable: Variable | undefined = source.op.name === "variable" ? source.attributes.variable : undefined;
  return variable?.shape.length === 1 && variable.shape[0] === channels ? variable : undefined;
}
