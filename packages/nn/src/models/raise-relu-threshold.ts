import { cast, greater, multiply, relu, rewrite } from "@lowbit/core-tensor";
import type { Model } from "./model.js";

/**
 * A forward pass whose ReLUs let through what is above a threshold and nothing else: y = x where x > θ, 0 elsewhere. Values are not
 * moved, small ones become zeros. Gradient: 1 where x > θ, 0 elsewhere.
 *
 * Source: the raised ReLU threshold of Venkatesh et al., arXiv 1610.00324
 */
export function raiseReluThreshold(forward: Model["forward"], threshold: number): Model["forward"] {
  return (x, context) =>
    rewrite([forward(x, context)], (node, [input]) => {
      if (node.op.name !== "relu") return undefined;
      const rectified = relu(input);
      return multiply(rectified, cast(greater(rectified, threshold), { dtype: "f32" }));
    })[0];
}
