import {
  add,
  assign,
  batchMoments,
  batchNormalise,
  divide,
  elementsOf,
  inLayer,
  multiply,
  reshape,
  ShapeError,
  slice,
  sqrt,
  stateVariable,
  subtract,
  type Tensor,
} from "@lowbit/core-tensor";
import { initialised, ones, zeros } from "../initialisers.js";
import type { Layer } from "./layer.js";

export interface BatchNormLayerOptions {
  readonly name: string;
  readonly channels: number;
  /** Added to the variance under the root; 1e-5 where absent. */
  readonly epsilon?: number;
  /** How much of the running statistics each batch replaces; 0.1 where absent. */
  readonly momentum?: number;
  readonly seed: number;
}

/**
 * Batch normalisation of x [N, C, …] per channel: (x − mean) / √(variance + ε) · γ + β.
 *
 * Training    mean and biased variance of the batch; the step moves `runningMean` and `runningVariance` (unbiased) towards them
 * Frozen      in training too the affine of evaluation: γ and β learn, the running statistics stay
 * Evaluation  an affine of the running statistics, in this order: a = γ / √(variance + ε), b = β − mean · a, y = x · a + b;
 *             converters read these nodes, and packed networks repeat exactly these operations
 * Source      Ioffe and Szegedy, arXiv 1502.03167
 */
export function batchNormLayer(options: BatchNormLayerOptions): Layer {
  const { name, channels, epsilon = 1e-5, momentum = 0.1, seed } = options;
  const gamma = initialised(`${name}.gamma`, [channels], ones, seed);
  const beta = initialised(`${name}.beta`, [channels], zeros, seed);
  const state = (part: string, value: number) =>
    stateVariable(`${name}.${part}`, {
      dtype: "f32",
      shape: [channels],
      data: () => new Float32Array(channels).fill(value),
    });
  const runningMean = state("runningMean", 0);
  const runningVariance = state("runningVariance", 1);

  const normaliseBatch = (x: Tensor): Tensor => {
    const count = elementsOf(x.shape) / channels;
    if (count < 2) {
      throw new ShapeError({
        op: "batch norm in training",
        layer: name,
        want: "at least 2 values in each channel: one alone has no variance",
        got: { x: x.shape },
      });
    }
    const moments = batchMoments(x); // [2, C]
    const row = (index: number) => reshape(slice(moments, { begin: [index, 0], size: [1, channels] }), { shape: [-1] });
    const moved = (from: Tensor, to: Tensor) => add(multiply(from, 1 - momentum), multiply(to, momentum));
    const unbiased = multiply(row(1), count / (count - 1));
    assign(runningMean, moved(runningMean.tensor, row(0)));
    assign(runningVariance, moved(runningVariance.tensor, unbiased));
    return batchNormalise(x, moments, gamma, beta, { epsilon });
  };

  const applyRunning = (x: Tensor): Tensor => {
    const alongChannels = (vector: Tensor) => reshape(vector, { shape: [channels, ...x.shape.slice(2).map(() => 1)] });
    const a = divide(gamma, sqrt(add(runningVariance, epsilon)));
    const b = subtract(beta, multiply(runningMean, a));
    return add(multiply(x, alongChannels(a)), alongChannels(b));
  };

  return {
    name,
    variables: [gamma, beta, runningMean, runningVariance],
    forward: (x, { training, frozenBatchNorm }) =>
      inLayer(name, () => (training && !frozenBatchNorm ? normaliseBatch(x) : applyRunning(x))),
  };
}
