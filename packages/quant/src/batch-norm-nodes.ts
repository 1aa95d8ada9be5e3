import { type Tensor, topologicalOrder, type Variable } from "@lowbit/core-tensor";

/** Batch norm in an evaluation graph: a = γ / √(variance + ε), b = β − mean · a, output = input · a + b. */
export interface BatchNormNodes {
  /** a, [C]. */
  readonly factor: Tensor;
  readonly output: Tensor;
  readonly gamma: Variable;
  readonly beta: Variable;
  readonly runningMean: Variable;
  readonly runningVariance: Variable;
  readonly epsilon: number;
}

const variableOf = (node: Tensor | undefined): Variable | undefined =>
  node?.op.name === "variable" ? node.attributes.variable : undefined;

const unreshaped = (node: Tensor | undefined): Tensor | undefined =>
  node?.op.name === "reshape" ? node.inputs[0] : node;

/**
 * The batch norm that multiplies `product`'s first input, as `batchNormLayer` builds it.
 *
 * @param readersOf  the nodes that read a node
 */
export function batchNormAt(
  product: Tensor,
  readersOf: (node: Tensor) => readonly Tensor[],
): BatchNormNodes | undefined {
  const [output, ...others] = readersOf(product);
  if (product.op.name !== "multiply" || output?.op.name !== "add" || others.length > 0) return undefined;
  const [a, b] = [unreshaped(product.inputs[1]), unreshaped(output.inputs[1])];
  const root = a?.op.name === "divide" ? a.inputs[1] : undefined;
  const sum = root?.op.name === "sqrt" ? root.inputs[0] : undefined;
  const gamma = variableOf(a?.inputs[0]);
  const runningVariance = variableOf(sum?.inputs[0]);
  const beta = b?.op.name === "subtract" ? variableOf(b.inputs[0]) : undefined;
  const runningMean = variableOf(b?.inputs[1]?.inputs[0]);
  const epsilon = sum?.inputs[1]?.attributes.data?.[0];
  if (!gamma || !beta || !runningMean || !runningVariance || typeof epsilon !== "number") return undefined;
  return { factor: a as Tensor, output, gamma, beta, runningMean, runningVariance, epsilon };
}

/** The batch norm right behind a layer, whose sum nothing else reads; undefined where there is none. */
export function batchNormBehind(
  layer: Tensor,
  readersOf: (node: Tensor) => readonly Tensor[],
): (BatchNormNodes & { readonly product: Tensor }) | undefined {
  const [product, ...others] = readersOf(layer);
  if (!product || others.length > 0 || product.inputs[0] !== layer) return undefined;
  const norm = batchNormAt(product, readersOf);
  return norm && { ...norm, product };
}

/** Who reads each node below `output`. */
export function readersBelow(output: Tensor): (node: Tensor) => readonly Tensor[] {
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of topologicalOrder([output])) {
    for (const each of new Set(node.inputs)) readers.set(each, [...(readers.get(each) ?? []), node]);
  }
  return (node) => readers.get(node) ?? [];
}
