import { ArgumentError, abs, add, mean, multiply, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import type { Loss } from "./cross-entropy-loss.js";

const isProduct = ({ op }: Tensor): boolean => op.name === "conv2d" || op.name === "matmul";

/** What convolutions and products below `output` read, each value once, but for what no product has made yet: the images. */
function activationsBelow(output: Tensor): Tensor[] {
  const made = new Set<Tensor>();
  const read = new Set<Tensor>();
  for (const node of topologicalOrder([output])) {
    if (isProduct(node) && made.has(node.inputs[0])) read.add(node.inputs[0]);
    if (isProduct(node) || node.inputs.some((input) => made.has(input))) made.add(node);
  }
  return [...read];
}

/**
 * A loss with a price on activations: L + λ · Σ_l mean |a_l|, over every layer l that reads what another one has made, the mean over
 * the batch and all of its values. It cuts noise and makes zeros, which an accelerator skips. Values that are quantized count as
 * their levels; their gradient goes straight through.
 *
 * Source: the activation regulariser of Venkatesh et al., arXiv 1610.00324; the paper prints no formula, this one is L1's
 * @throws {ArgumentError} when λ is negative or no number
 */
export function withActivationPenalty(loss: Loss, penalty: number): Loss {
  if (!(penalty >= 0 && Number.isFinite(penalty))) {
    throw new ArgumentError(`activations can't cost ${penalty}`, { want: "a number from 0", got: penalty });
  }
  return (logits, labels) =>
    activationsBelow(logits)
      .map((activation) => multiply(mean(abs(activation)), penalty))
      .reduce((sum, term) => add(sum, term), loss(logits, labels));
}
