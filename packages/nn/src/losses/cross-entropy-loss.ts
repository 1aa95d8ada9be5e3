import { ArgumentError, add, crossEntropy, logSoftmax, mean, multiply, type Tensor } from "@lowbit/core-tensor";

/** Builds the scalar that training makes small, from logits [N, K] and labels [N] (i32). */
export type Loss = (logits: Tensor, labels: Tensor) => Tensor;

/** Cross-entropy, averaged over the batch. */
export const crossEntropyLoss: Loss = (logits, labels) => mean(crossEntropy(logits, labels));

/**
 * Cross-entropy against labels that keep 1 − smoothing for the true class and share the rest over all K classes.
 * Source: Szegedy et al., arXiv 1512.00567, section 7
 */
export function smoothedCrossEntropyLoss(smoothing: number): Loss {
  if (!(smoothing >= 0 && smoothing < 1)) {
    throw new ArgumentError(`labels can't be smoothed by ${smoothing}`, { want: "0 ≤ smoothing < 1", got: smoothing });
  }
  return (logits, labels) => {
    const uniform = multiply(mean(logSoftmax(logits)), -1); // mean over batch and classes of −log p
    return add(multiply(crossEntropyLoss(logits, labels), 1 - smoothing), multiply(uniform, smoothing));
  };
}
