import { type CodeFormat, elementsOf, ShapeError, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { parsePrecision } from "@lowbit/quant";

/** What the cost of a layer depends on. */
export interface CountedLayer {
  readonly name: string;
  /** Multiply-accumulates of one forward pass, the whole batch of the graph. */
  readonly macs: number;
  /** 32 where full precision. */
  readonly weightBits: number;
  readonly inputBits: number;
  readonly weightElements: number;
}

export interface ReadLayersOptions {
  /**
   * "w2a2": the bits of all layers but the first and the last ones, where the graph itself does not show any. Needed for
   * a plain network, and for one prepared for training; in evaluation and packed graphs codes carry their bits.
   */
  readonly precision?: string;
}

/** Operations that multiply something by weights. */
const weighted = new Set(["conv2d", "conv2dCodes", "matmul"]);

/** The nodes that a given property reaches from where it starts. */
export function spread(order: readonly Tensor[], starts: (node: Tensor) => boolean): Set<Tensor> {
  const reached = new Set<Tensor>();
  for (const node of order) if (starts(node) || node.inputs.some((each) => reached.has(each))) reached.add(node);
  return reached;
}

/** A layer with the nodes that make it. */
export interface CountedNode extends CountedLayer {
  readonly node: Tensor;
  readonly weight: Tensor;
}

/**
 * The weighted layers of a network in order of computing, with their MACs and bits: conv2d, convolutions of codes and
 * matmul, where one operand depends on the network's input and the other, the weight, does not.
 *
 * @param output  of a plain, a prepared or a packed network; what it computes besides layers is free
 * @throws {ConfigurationError} for a precision that can't be read
 * @throws {ShapeError} when it has no weighted layer
 */
export function readLayers(output: Tensor, options: ReadLayersOptions = {}): CountedLayer[] {
  return findCountedNodes(output, options).map(({ node: _, weight: __, ...layer }) => layer);
}

/** The same, each with its node in the graph. */
export function findCountedNodes(output: Tensor, { precision = "fp32" }: ReadLayersOptions = {}): CountedNode[] {
  const { weightBits, inputBits } = parsePrecision(precision);
  const order = topologicalOrder([output]);
  const isData = spread(order, (node) => node.op.name === "input");
  const weightOf = (node: Tensor): Tensor | undefined => {
    if (!weighted.has(node.op.name) || !isData.has(node)) return undefined;
    return node.inputs.find((each) => !isData.has(each));
  };
  const layers = order.filter((node) => weightOf(node));
  if (layers.length === 0) {
    throw new ShapeError({
      op: "readLayers",
      want: "a network with conv2d or matmul layers between its input and its output",
      got: { output: [...output.shape] },
    });
  }
  const atOrAfterLayer = spread(order, (node) => weightOf(node) !== undefined);
  const beforeLayer = new Set<Tensor>();
  for (const node of [...order].reverse()) {
    if (weightOf(node) || beforeLayer.has(node)) for (const each of node.inputs) beforeLayer.add(each);
  }
  return layers.map((node) => {
    const weight = weightOf(node) as Tensor;
    const isFirst = !node.inputs.some((each) => atOrAfterLayer.has(each));
    const isOuter = isFirst || !beforeLayer.has(node);
    return {
      node,
      weight,
      name: node.layer,
      macs: countMacs(node, weight),
      weightBits: node.attributes.w?.bits ?? unpackedBits(weight) ?? (isOuter ? 32 : weightBits),
      inputBits: node.attributes.x?.bits ?? (isOuter ? 32 : inputBits),
      weightElements: elementsOf(weight.shape),
    };
  });
}

/** Each output of a convolution takes one MAC for each weight of its channel; so does each output of a product. */
function countMacs(node: Tensor, weight: Tensor): number {
  const outputs = elementsOf(node.shape);
  const channels = node.op.name === "matmul" ? node.shape[node.inputs[1] === weight ? 1 : 0] : weight.shape[0];
  return outputs * (elementsOf(weight.shape) / channels);
}

/** Bits of a weight that is stored packed and multiplied as f32, because its layer's input is fp32. */
function unpackedBits(weight: Tensor): number | undefined {
  const unpacking = topologicalOrder([weight]).find((node) => node.op.name === "unpackCodes");
  return (unpacking?.attributes.format as CodeFormat | undefined)?.bits;
}
