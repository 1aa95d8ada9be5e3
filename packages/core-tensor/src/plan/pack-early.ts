import type { Tensor } from "../graph/tensor.js";

/**
 * Moves every packing of codes, and the element-wise work that is done for it alone, to the earliest place in the order.
 * An order made from the readers' side would pack just before it unpacks, and keep the whole map alive until then.
 */
export function packEarly(order: readonly Tensor[]): Tensor[] {
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of order) for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const moved = new Set<Tensor>();
  for (const node of [...order].reverse()) {
    const isPrivate = node.op.elementwise && (readers.get(node) ?? []).every((reader) => moved.has(reader));
    if (node.op.name === "packCodes" || (isPrivate && readers.has(node))) moved.add(node);
  }
  if (moved.size === 0) return [...order];
  const place = new Map<Tensor, number>();
  order.forEach((node, index) => {
    const afterInputs = Math.max(0, ...node.inputs.map((input) => place.get(input) as number));
    const isSource = node.inputs.length === 0; // there from the start, wherever the order names it
    place.set(node, isSource ? 0 : moved.has(node) ? afterInputs : index);
  });
  const rank = new Map(order.map((node, index) => [node, index]));
  const key = (node: Tensor) => [place.get(node) as number, moved.has(node) ? 1 : 0, rank.get(node) as number];
  return [...order].sort((a, b) => {
    const [ka, kb] = [key(a), key(b)];
    return ka[0] - kb[0] || ka[1] - kb[1] || ka[2] - kb[2];
  });
}
