import { add, stopGradient, subtract, type Tensor } from "@lowbit/core-tensor";

/**
 * The straight-through estimator between any two tensors of one shape: the values of `levels`, exactly, with the gradient
 * of `carrier`. The carrier must be finite: it adds carrier − carrier = 0.
 */
export function straightThrough(levels: Tensor, carrier: Tensor): Tensor {
  return add(stopGradient(levels), subtract(carrier, stopGradient(carrier)));
}
