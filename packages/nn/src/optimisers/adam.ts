import {
  ArgumentError,
  add,
  assign,
  divide,
  multiply,
  sqrt,
  square,
  stateVariable,
  subtract,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { decays, forEachParameter, movingAverage, type Optimiser, rateOf, zerosLike } from "./optimiser.js";

export interface AdamOptions {
  /** How much the averages of gradient and squared gradient keep; [0.9, 0.999] where absent. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second average; 1e-8 where absent. */
  readonly epsilon?: number;
  /** For weights, not for biases and batch norm; 0 (adam) or 0.01 (adamW) where absent. */
  readonly weightDecay?: number;
}

interface Decay {
  readonly name: "adam" | "adamw";
  readonly isDecoupled: boolean;
}

function adamWith({ name, isDecoupled }: Decay, options: AdamOptions, defaultDecay: number): Optimiser {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = defaultDecay } = options;
  const [beta1, beta2] = betas;
  if (!betas.every((beta) => beta >= 0 && beta < 1) || betas.length !== 2) {
    throw new ArgumentError(`${name} can't have betas [${betas.join(", ")}]`, {
      want: "two numbers, 0 ≤ β < 1",
      got: betas,
    });
  }
  if (!(epsilon > 0 && weightDecay >= 0 && Number.isFinite(epsilon + weightDecay))) {
    const want = "epsilon above 0 and weightDecay from 0";
    throw new ArgumentError(`${name} can't work with epsilon ${epsilon} and weightDecay ${weightDecay}`, { want });
  }

  /** 1 − βᵗ as the moving average of ones: what is missing in an average that began at 0, without cancellation in f32. */
  const advance = (seen: Variable, beta: number): Tensor => {
    const next = movingAverage(seen.tensor, 1, beta);
    assign(seen, next);
    return next;
  };

  return {
    name,
    options: { betas: [beta1, beta2], epsilon, weightDecay },
    forParameters(parameters) {
      const firsts = parameters.map((parameter) => zerosLike(parameter, "firstMoment"));
      const seconds = parameters.map((parameter) => zerosLike(parameter, "secondMoment"));
      const scalar = (part: string) =>
        stateVariable(`${name}.${part}`, { dtype: "f32", shape: [], data: Float32Array.of(0) });
      const [firstSeen, secondSeen] = [scalar("firstMomentSeen"), scalar("secondMomentSeen")];
      return {
        variables: [...firsts, ...seconds, firstSeen, secondSeen],
        update(gradients, learningRate) {
          const [seen1, seen2] = [advance(firstSeen, beta1), advance(secondSeen, beta2)];
          forEachParameter(parameters, (parameter, i) => {
            const decay = weightDecay > 0 && decays(parameter);
            const rate = rateOf(parameter, learningRate);
            const gradient = decay && !isDecoupled ? add(gradients[i], multiply(parameter, weightDecay)) : gradients[i];
            const first = movingAverage(firsts[i].tensor, gradient, beta1);
            const second = movingAverage(seconds[i].tensor, square(gradient), beta2);
            assign(firsts[i], first);
            assign(seconds[i], second);
            const direction = divide(divide(first, seen1), add(sqrt(divide(second, seen2)), epsilon));
            const kept =
              decay && isDecoupled ? multiply(parameter, subtract(1, multiply(rate, weightDecay))) : parameter.tensor;
            assign(parameter, subtract(kept, multiply(direction, rate)));
          });
        },
      };
    },
  };
}

/**
 * Adam: m and v are moving averages of g and g²; w ← w − lr · m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
 * Weight decay, where asked for, is part of the gradient: g = dw + λ · w.
 *
 * Source: Kingma and Ba, arXiv 1412.6980, algorithm 1
 */
export const adam = (options: AdamOptions = {}): Optimiser =>
  adamWith({ name: "adam", isDecoupled: false }, options, 0);

/**
 * AdamW: Adam on dw alone, and beside it w ← w · (1 − lr · λ).
 *
 * Source: Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, with λ multiplied by the learning rate as in PyTorch
 */
export const adamW = (options: AdamOptions = {}): Optimiser =>
  adamWith({ name: "adamw", isDecoupled: true }, options, 0.01);
