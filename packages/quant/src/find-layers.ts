import { type Tensor, topologicalOrder, type Variable } from "@lowbit/core-tensor";

/** A layer with weights, as the graph shows it. */
export interface WeightedLayer {
  /** The name under which the layer was built: "stage1.block0.conv1". */
  readonly name: string;
  /** conv2d or matmul; its input 0 is what the layer reads, input 1 its weight. */
  readonly node: Tensor;
  readonly weight: Variable;
  /** Reads a graph input with no weighted layer before it. */
  readonly isFirst: boolean;
  /** No weighted layer comes after it. */
  readonly isLast: boolean;
  /** Nothing that it reads can be negative (ReLU, sigmoid, what pools and reshapes make of them). */
  readonly readsUnsigned: boolean;
}

/** The trainable variable that a node reads as its weight, if it is a layer at all. */
export function weightOf(node: Tensor): Variable | undefined {
  if (node.op.name !== "conv2d" && node.op.name !== "matmul") return undefined;
  const source = node.inputs[1];
  const variable: Variable | undefined = source.op.name === "variable" ? source.attributes.variable : undefined;
  return variable?.trainable ? variable : undefined;
}

const neverNegative = new Set(["relu", "sigmoid", "abs", "square", "exp", "softmax"]);
/** Operations that pass on whether their first input can be negative, and commute with a monotone quantizer. */
export const seenThrough: ReadonlySet<string> = new Set(["maxPool2d", "reshape", "concat"]);

/** Whether the graph shows that no value of this node is below 0. */
export function isNonNegative(node: Tensor): boolean {
  if (neverNegative.has(node.op.name)) return true;
  if (node.op.name === "clip") return node.attributes.min >= 0;
  if (node.op.name === "cast") return node.inputs[0].dtype === "bool" || isNonNegative(node.inputs[0]);
  if (node.op.name === "multiply") return node.inputs.every(isNonNegative);
  if (seenThrough.has(node.op.name) || node.op.name === "averagePool2d" || node.op.name === "transpose") {
    return node.inputs.every(isNonNegative);
  }
  return false;
}

/** All weighted layers below `output`, in order of computing. Shortcut convolutions are neither first nor last. */
export function findLayers(output: Tensor): WeightedLayer[] {
  const order = topologicalOrder([output]);
  const hasLayerBefore = new Set<Tensor>();
  for (const node of order) {
    if (node.inputs.some((input) => hasLayerBefore.has(input) || weightOf(input))) hasLayerBefore.add(node);
  }
  const hasLayerAfter = new Set<Tensor>();
  for (const node of [...order].reverse()) {
    if (!hasLayerAfter.has(node) && !weightOf(node)) continue;
    for (const input of node.inputs) hasLayerAfter.add(input);
  }
  return order.flatMap((node) => {
    const weight = weightOf(node);
    if (!weight) return [];
    const name = node.layer || weight.name;
    const [isFirst, isLast] = [!hasLayerBefore.has(node), !hasLayerAfter.has(node)];
    return [{ name, node, weight, isFirst, isLast, readsUnsigned: isNonNegative(node.inputs[0]) }];
  });
}
