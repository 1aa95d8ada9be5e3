import {
  ArgumentError,
  add,
  constantOf,
  divide,
  maximum,
  multiply,
  sqrt,
  square,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";
import type { Optimiser } from "./optimiser.js";

/**
 * An optimiser that sees gradients of a norm of at most `norm`, all parameters together: g ← g · norm / max(norm, ‖g‖).
 *
 * Source: Pascanu et al., "On the difficulty of training recurrent neural networks", arXiv 1211.5063, algorithm 1
 */
export function clipGradients(optimiser: Optimiser, { norm }: { readonly norm: number }): Optimiser {
  if (!(norm > 0 && Number.isFinite(norm))) {
    throw new ArgumentError(`gradients can't be clipped to a norm of ${norm}`, { want: "a number above 0", got: norm });
  }
  return {
    name: optimiser.name,
    options: { ...optimiser.options, clipNorm: norm },
    forParameters(parameters) {
      const { variables, update } = optimiser.forParameters(parameters);
      return {
        variables,
        update(gradients, learningRate) {
          const squares = gradients.map((gradient) => sum(square(gradient)));
          const length = sqrt(squares.reduce<Tensor>((total, each) => add(total, each), constantOf(0)));
          const factor = divide(norm, maximum(length, norm));
          update(
            gradients.map((gradient) => multiply(gradient, factor)),
            learningRate,
          );
        },
      };
    },
  };
}
