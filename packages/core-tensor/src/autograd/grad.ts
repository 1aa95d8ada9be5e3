import { GraphError } from "../graph/errors.js";
import { topologicalOrder } from "../graph/order.js";
import { constantOf } from "../graph/sources.js";
import { inLayer, type Tensor } from "../graph/tensor.js";
import { Variable } from "../graph/variable.js";
import { add } from "../ops/arithmetic.js";
import { broadcastTo } from "../ops/sum.js";
import { isPiece, joinPieces } from "./join-pieces.js";

/**
 * Gradients of a scalar for each of `targets`, as nodes like any other: they can be used, rewritten and differentiated
 * again. A target that the loss does not depend on gets zeros.
 *
 * @param loss     [] f32
 * @param targets  tensors or variables of f32
 * @returns        one tensor for each target, of its shape
 * @throws {GraphError} when the loss is no scalar, or an operation on the way declares no gradient
 */
export function grad(loss: Tensor, targets: readonly (Tensor | Variable)[]): Tensor[] {
  if (loss.shape.length !== 0 || loss.dtype !== "f32") {
    throw new GraphError(`grad needs a scalar of f32, not ${loss.dtype} [${loss.shape}]`, {
      hint: "mean(loss) or sum(loss) makes one",
    });
  }
  const wanted = targets.map((target) => (target instanceof Variable ? target.tensor : target));
  const order = topologicalOrder([loss]);
  const leadsToTarget = new Set<Tensor>(wanted);
  for (const node of order) {
    if (node.inputs.some((input) => leadsToTarget.has(input))) leadsToTarget.add(node);
  }
  const gradients = new Map<Tensor, Tensor>([[loss, constantOf(1)]]);
  const pieces = new Map<Tensor, Tensor[]>(); // gradients of slices wait until all have come
  const addTo = (node: Tensor, part: Tensor) => {
    const sum = gradients.get(node);
    gradients.set(node, sum ? add(sum, part) : part);
  };
  for (const node of order.reverse()) {
    const waiting = pieces.get(node);
    if (waiting) addTo(node, joinPieces(waiting));
    const dy = gradients.get(node);
    if (!dy || node.inputs.length === 0 || !node.inputs.some((input) => leadsToTarget.has(input))) continue;
    if (!node.op.gradient) {
      throw new GraphError(`${node.op.name} has no gradient`, {
        layer: node.layer || undefined,
        want: "operations that declare a gradient between the loss and its targets",
        hint: "stopGradient(x) where none should flow",
      });
    }
    const { gradient } = node.op;
    const parts = inLayer(node.layer, () => gradient(dy, node.inputs, { output: node, attributes: node.attributes }));
    node.inputs.forEach((input, i) => {
      const part = parts[i];
      if (!part || !leadsToTarget.has(input)) return;
      if (!isPiece(part)) addTo(input, part);
      else if (!pieces.get(input)?.push(part)) pieces.set(input, [part]);
    });
  }
  return wanted.map((target) => gradients.get(target) ?? broadcastTo(constantOf(0), { shape: target.shape }));
}
