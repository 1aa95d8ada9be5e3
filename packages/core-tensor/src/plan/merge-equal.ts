import { buildNode } from "../graph/define-op.js";
import { topologicalOrder } from "../graph/order.js";
import { inPlaceOf, type Tensor } from "../graph/tensor.js";

/** JSON would write NaN and both infinities as null, and −0 as 0. */
const exactly = (_: string, value: unknown) =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)) ? `#${1 / value}#${value}` : value;

/** Attributes as text; two nodes with equal text, operation and inputs compute the same. */
function keyOf(node: Tensor, inputs: readonly Tensor[]): string {
  return `${node.op.name}|${inputs.map(({ id }) => id).join()}|${JSON.stringify(node.attributes, exactly)}`;
}

/** One node for all that compute the same from the same inputs: graphs made by rules repeat themselves. */
export function mergeEqual(roots: readonly Tensor[]): Tensor[] {
  const kept = new Map<string, Tensor>();
  const merged = new Map<Tensor, Tensor>();
  for (const node of topologicalOrder(roots)) {
    if (node.inputs.length === 0) {
      const { data } = node.attributes;
      const isScalar = node.op.name === "constant" && data.length === 1 && node.shape.length === 0;
      const key = isScalar ? `${node.dtype}|${Object.is(data[0], -0) ? "-0" : data[0]}` : undefined;
      const known = key === undefined ? node : (kept.get(key) ?? node);
      if (key !== undefined) kept.set(key, known);
      merged.set(node, known);
      continue;
    }
    const inputs = node.inputs.map((input) => merged.get(input) as Tensor);
    const key = keyOf(node, inputs);
    const isSame = inputs.every((input, i) => input === node.inputs[i]);
    const rebuild = () => inPlaceOf(node, () => buildNode(node.op, inputs, node.attributes, node.layer));
    const known = kept.get(key) ?? (isSame ? node : rebuild());
    known.rank = Math.min(known.rank, node.rank);
    kept.set(key, known);
    merged.set(node, known);
  }
  return roots.map((root) => merged.get(root) as Tensor);
}
