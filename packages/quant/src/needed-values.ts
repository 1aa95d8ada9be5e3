import { type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { seenThrough } from "./find-layers.js";

/**
 * Nodes below `output` whose values somebody reads, beside layers that read codes of them: they are computed anyway.
 *
 * @param readsCodes  whether a node is a layer whose input 0 is quantized
 */
export function neededValues(output: Tensor, readsCodes: (node: Tensor) => boolean): Set<Tensor> {
  const needed = new Set([output]);
  for (const node of topologicalOrder([output]).reverse()) {
    const passesOn = seenThrough.has(node.op.name) && !needed.has(node); // codes would come out of it
    const [edge, ...others] = node.inputs;
    if (edge && !readsCodes(node) && !passesOn) needed.add(edge);
    if (!passesOn) for (const other of others) needed.add(other);
  }
  return needed;
}
