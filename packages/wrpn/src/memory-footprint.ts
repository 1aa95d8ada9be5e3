import { elementsOf, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { type CountedNode, findCountedNodes } from "./read-layers.js";

/** What memory is needed for: keeping every map for the backward pass, or going through once. */
export type MemoryPhase = "training" | "inference";

export interface MemoryOptions {
  /** "training" where absent. */
  readonly phase?: MemoryPhase;
  /** "w4a4": the bits of all layers but the first and the last ones, where the graph itself does not show any. */
  readonly precision?: string;
}

/** What one layer reads or makes, once for the whole batch. */
export interface ActivationMap {
  /** The layer's name, or the input's. */
  readonly name: string;
  readonly kind: "input" | "weighted" | "pool";
  readonly elements: number;
  /** As its readers take it: 32, or the bits of codes. */
  readonly bits: number;
  /** Of packed codes, rounded up. */
  readonly bytes: number;
}

export interface MemoryFootprint {
  readonly activationBytes: number;
  readonly weightBytes: number;
  /** The two largest maps of gradients; 0 in inference. */
  readonly gradientBytes: number;
  /** In per cent of activations and weights together: the gradients stand in neither share. */
  readonly activationShare: number;
  readonly weightShare: number;
  readonly totalBytes: number;
  /** Input, and results of weighted layers and pools, in order of computing. */
  readonly maps: readonly ActivationMap[];
}

/** A mean over positions is a pool as well: the one that ends most networks. */
const isPool = ({ op, inputs, shape }: Tensor): boolean =>
  op.name === "maxPool2d" ||
  op.name === "averagePool2d" ||
  (op.name === "mean" && inputs[0].shape.length === 4 && shape[0] === inputs[0].shape[0]);

/**
 * In how many bits each value is read: those of the layers that it reaches without passing another one, the most where
 * they differ. Max pooling takes codes as they are; a mean, and whatever leaves the network, wants 32.
 */
function findReadBits(order: readonly Tensor[], layers: ReadonlyMap<Tensor, CountedNode>): Map<Tensor, number> {
  const bits = new Map<Tensor, number>();
  for (const node of [...order].reverse()) {
    const own = bits.get(node) ?? 32; // nobody reads it: a result of the network
    bits.set(node, own);
    const layer = layers.get(node);
    const wanted = layer ? layer.inputBits : isPool(node) && node.op.name !== "maxPool2d" ? 32 : own;
    for (const each of node.inputs) bits.set(each, Math.max(bits.get(each) ?? 0, wanted));
  }
  return bits;
}

const packed = (elements: number, bits: number): number => Math.ceil((elements * bits) / 8);
const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);

/**
 * Memory of a network as WRPN reckons it.
 *
 *     training    Σ activations + Σ weights + max over layers (gradient of the input) + max over layers (gradient of the output)
 *     inference   max over layers (input) + max over layers (output) + Σ weights
 *
 * Activations are the network's input and the results of convolutions, pools and products, each once: batch norm, ReLU and
 * additions are taken to work in place. Weights are those of convolutions and products. In training they stay in fp32, for
 * they are learned there, and gradients do too; maps that only quantized layers read count as packed codes, sums of residual
 * streams included, which our own plans keep in fp32.
 *
 * @param output  of a network, for the batch that its graph was built for
 * @throws {ShapeError} when it has no weighted layer
 * Source: Mishra et al., "WRPN", arXiv 1709.01134, section 2; what counts is worked out from its figure 1, ResNet-50
 * @example const { activationShare } = memoryFootprint(logits, { phase: "training", precision: "w4a4" });
 */
export function memoryFootprint(
  output: Tensor,
  { phase = "training", precision }: MemoryOptions = {},
): MemoryFootprint {
  const order = topologicalOrder([output]);
  const layers = new Map(findCountedNodes(output, { precision }).map((layer) => [layer.node, layer]));
  const readBits = findReadBits(order, layers);
  const describe = (node: Tensor): ActivationMap => {
    const kind = layers.has(node) ? "weighted" : isPool(node) ? "pool" : "input";
    const [elements, bits] = [elementsOf(node.shape), readBits.get(node) as number];
    const name = kind === "input" ? node.attributes.name : node.layer;
    return { name, kind, elements, bits, bytes: packed(elements, bits) };
  };
  const steps = order.filter((node) => layers.has(node) || isPool(node));
  const maps = [...order.filter(({ op }) => op.name === "input"), ...steps].map(describe);
  const elementsRead = (node: Tensor): number => {
    const data = node.inputs.filter((each) => each !== layers.get(node)?.weight);
    return elementsOf(data[0].shape);
  };
  const bitsRead = (node: Tensor): number => layers.get(node)?.inputBits ?? (readBits.get(node.inputs[0]) as number);
  const weightBytes = [...layers.values()].reduce(
    (sum, layer) => sum + packed(layer.weightElements, phase === "training" ? 32 : layer.weightBits),
    0,
  );
  const largestInput = largest(steps.map((node) => packed(elementsRead(node), bitsRead(node))));
  const largestOutput = largest(steps.map((node) => describe(node).bytes));
  const activationBytes =
    phase === "training" ? maps.reduce((sum, { bytes }) => sum + bytes, 0) : largestInput + largestOutput;
  const largestElements = (count: (node: Tensor) => number): number => 4 * largest(steps.map(count));
  const gradientBytes =
    phase === "training" ? largestElements(elementsRead) + largestElements(({ shape }) => elementsOf(shape)) : 0;
  return {
    activationBytes,
    weightBytes,
    gradientBytes,
    activationShare: (100 * activationBytes) / (activationBytes + weightBytes),
    weightShare: (100 * weightBytes) / (activationBytes + weightBytes),
    totalBytes: activationBytes + weightBytes + gradientBytes,
    maps,
  };
}
