import { buildNode } from "./define-op.js";
import { inPlaceOf, type Tensor } from "./tensor.js";
import { currentTrace } from "./variable.js";

/** Gets a node and its already rewritten inputs; returns what takes its place, or undefined to keep the operation. */
export type RewriteRule = (node: Tensor, inputs: readonly Tensor[]) => Tensor | undefined;

/**
 * Rebuilds the graph below `roots`, from the leaves up, with `rule` applied to every node. Nodes that nothing changed
 * are shared with the old graph. Writes recorded by the running trace that read a rewritten node follow it.
 */
export function rewrite(roots: readonly Tensor[], rule: RewriteRule): Tensor[] {
  const done = new Map<Tensor, Tensor>();
  const visit = (root: Tensor): Tensor => {
    const stack: Tensor[] = [root];
    while (stack.length > 0) {
      const node = stack[stack.length - 1];
      const open = done.has(node) ? [] : node.inputs.filter((input) => !done.has(input));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      stack.pop();
      if (done.has(node)) continue;
      const inputs = node.inputs.map((input) => done.get(input) as Tensor);
      const unchanged = inputs.every((input, i) => input === node.inputs[i]);
      const rebuild = () => (unchanged ? node : buildNode(node.op, inputs, node.attributes, node.layer));
      done.set(
        node,
        inPlaceOf(node, () => rule(node, inputs) ?? rebuild()),
      );
    }
    return done.get(root) as Tensor;
  };
  const rewritten = roots.map(visit);
  const trace = currentTrace();
  if (trace) trace.assignments = trace.assignments.map(({ variable, value }) => ({ variable, value: visit(value) }));
  return rewritten;
}
