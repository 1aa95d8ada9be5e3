import { ArgumentError, add, assign, multiply, subtract } from "@lowbit/core-tensor";
import { decays, forEachParameter, type Optimiser, rateOf, zerosLike } from "./optimiser.js";

export interface SgdOptions {
  /** How much of the last direction is kept; 0 where absent. */
  readonly momentum?: number;
  /** Looks one step ahead along the momentum; needs momentum. */
  readonly nesterov?: boolean;
  /** λ of the gradient λ · w that is added for weights, but not for biases and batch norm; 0 where absent. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, as PyTorch counts it: g ← dw + λ · w; v ← μ · v + g; w ← w − lr · v,
 * with Nesterov w ← w − lr · (g + μ · v).
 *
 * Source: Sutskever et al., ICML 2013, with the learning rate outside of the momentum
 */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimiser {
  if (!(momentum >= 0 && momentum < 1)) {
    throw new ArgumentError(`sgd can't have momentum ${momentum}`, { want: "0 ≤ momentum < 1", got: momentum });
  }
  if (!(weightDecay >= 0 && Number.isFinite(weightDecay))) {
    throw new ArgumentError(`sgd can't have weightDecay ${weightDecay}`, { want: "a number from 0", got: weightDecay });
  }
  if (nesterov && momentum === 0) throw new ArgumentError("Nesterov's step needs a momentum", { want: "momentum > 0" });
  return {
    name: "sgd",
    options: { momentum, nesterov, weightDecay },
    forParameters(parameters) {
      const velocities = momentum > 0 ? parameters.map((parameter) => zerosLike(parameter, "momentum")) : [];
      return {
        variables: velocities,
        update(gradients, learningRate) {
          forEachParameter(parameters, (parameter, i) => {
            const decay = weightDecay > 0 && decays(parameter);
            const gradient = decay ? add(gradients[i], multiply(parameter, weightDecay)) : gradients[i];
            let direction = gradient;
            if (momentum > 0) {
              const velocity = add(multiply(velocities[i], momentum), gradient);
              assign(velocities[i], velocity);
              direction = nesterov ? add(gradient, multiply(velocity, momentum)) : velocity;
            }
            assign(parameter, subtract(parameter, multiply(direction, rateOf(parameter, learningRate))));
          });
        },
      };
    },
  };
}
