import { defineOp, type Op, type Values } from "../graph/define-op.js";
import { ArgumentError, ShapeError } from "../graph/errors.js";
import { elementsOf, type Shape } from "../graph/shape.js";
import { constantOf } from "../graph/sources.js";
import type { Tensor } from "../graph/tensor.js";
import { add, divide, multiply, negate } from "./arithmetic.js";
import { concat, reshape, slice } from "./shape-ops.js";
import { broadcastTo } from "./sum.js";
import { sqrt } from "./unary.js";

export interface BatchNormOptions {
  /** Added to the variance under the root. */
  readonly epsilon: number;
}

function checkEpsilon(op: string) {
  return (attributes: BatchNormOptions | undefined): BatchNormOptions => {
    const epsilon = attributes?.epsilon ?? 1e-5;
    if (!(epsilon >= 0) || !Number.isFinite(epsilon)) {
      throw new ArgumentError(`${op} can't add epsilon ${epsilon}`, { op, want: "a finite number ≥ 0", got: epsilon });
    }
    return { epsilon };
  };
}

function checkChannels(op: string, x: Shape, vectors: Record<string, Shape>, moments?: Shape): void {
  const fits =
    x.length >= 2 &&
    Object.values(vectors).every((vector) => vector.length === 1 && vector[0] === x[1]) &&
    (!moments || (moments.length === 2 && moments[0] === 2 && moments[1] === x[1]));
  if (fits) return;
  throw new ShapeError({
    op,
    want: "x [N, C, …], moments [2, C] and vectors [C]",
    got: { x, ...vectors, ...(moments && { moments }) },
  });
}

/** Calls `each` with the channel of every stretch [from, to) of x [N, C, …]. */
function forEachPlane([N, C, ...rest]: Shape, each: (channel: number, from: number, to: number) => void): void {
  const plane = elementsOf(rest);
  for (let i = 0; i < N * C; i++) each(i % C, i * plane, (i + 1) * plane);
}

/**
 * Mean and biased variance of every channel over batch and positions: x [N, C, …] → [2, C].
 *
 * Gradient  dx = dmean / m + dvariance · 2 · (x − mean) / m,  m = elements of a channel
 */
export const batchMoments: Op<1> = defineOp({
  name: "batchMoments",
  arity: 1,
  shape: ([x]) => {
    checkChannels("batchMoments", x, {});
    if (elementsOf(x) === 0) throw new ShapeError({ op: "batchMoments", want: "at least one element", got: { x } });
    return [2, x[1]];
  },
  gradient: (dy, [x], { output }) => {
    const channels = x.shape[1];
    const count = elementsOf(x.shape) / channels;
    const one = broadcastTo(constantOf(1), { shape: [channels] });
    const none = multiply(one, 0);
    const row = (from: Tensor, index: number) =>
      reshape(slice(from, { begin: [index, 0], size: [1, channels] }), { shape: [channels] });
    // (x − mean) · 2/m · dvariance + dmean / m, written as one normalisation without a variance
    const centred = concat(
      [row(output, 0), none].map((each) => reshape(each, { shape: [1, channels] })),
      { axis: 0 },
    );
    return [
      batchNormalise(x, centred, multiply(row(dy, 1), 2 / count), multiply(row(dy, 0), 1 / count), { epsilon: 1 }),
    ];
  },
  reference: (out, [x]) => {
    const C = x.shape[1];
    const count = x.data.length / C;
    const means = new Float64Array(C);
    const squares = new Float64Array(C);
    forEachPlane(x.shape, (c, from, to) => {
      for (let i = from; i < to; i++) means[c] += x.data[i] / count;
    });
    forEachPlane(x.shape, (c, from, to) => {
      for (let i = from; i < to; i++) squares[c] += (x.data[i] - means[c]) ** 2 / count;
    });
    out.data.set(means);
    out.data.set(squares, C);
  },
  examples: [{ shapes: [[4, 3, 2, 2]] }, { shapes: [[5, 2]] }],
});

const deviation = (moments: Values, channel: number, epsilon: number): number =>
  Math.sqrt(moments.data[moments.shape[1] + channel] + epsilon);

/**
 * (x − mean) / √(variance + ε) · γ + β for every channel.
 *
 * Shapes    x [N, C, …], moments [2, C] as batchMoments makes them, γ [C], β [C]
 * Gradient  dγ = Σ dy · x̂, dβ = Σ dy; where the moments are those of x itself, dx comes whole from
 *           batchNormaliseGradient; where they are not, dx = dy · γ/σ, dmean = −dβ · γ/σ, dvariance = −½ · dγ · γ/σ²
 */
export const batchNormalise: Op<4, BatchNormOptions | undefined> = defineOp({
  name: "batchNormalise",
  arity: 4,
  normalise: checkEpsilon("batchNormalise"),
  shape: ([x, moments, gamma, beta]) => {
    checkChannels("batchNormalise", x, { gamma, beta }, moments);
    return x;
  },
  gradient: (dy, [x, moments, gamma], { attributes }) => {
    const channels = x.shape[1];
    const sums = batchNormaliseGradientSums(dy, x, moments, attributes);
    const row = (from: Tensor, index: number) =>
      reshape(slice(from, { begin: [index, 0], size: [1, channels] }), { shape: [channels] });
    const [dGamma, dBeta] = [row(sums, 0), row(sums, 1)];
    if (moments.op === batchMoments.declaration && moments.inputs[0] === x) {
      return [batchNormaliseGradient(dy, x, moments, gamma, sums, attributes), null, dGamma, dBeta];
    }
    const deviation = sqrt(add(row(moments, 1), attributes.epsilon));
    const slope = divide(gamma, deviation);
    const dMean = negate(multiply(dBeta, slope));
    const dVariance = multiply(divide(multiply(dGamma, slope), deviation), -0.5);
    const rows = [dMean, dVariance].map((each) => reshape(each, { shape: [1, channels] }));
    const alongChannels = reshape(slope, { shape: [channels, ...x.shape.slice(2).map(() => 1)] });
    return [multiply(dy, alongChannels), concat(rows, { axis: 0 }), dGamma, dBeta];
  },
  reference: (out, [x, moments, gamma, beta], { epsilon }) => {
    forEachPlane(x.shape, (c, from, to) => {
      const scale = 1 / deviation(moments, c, epsilon);
      for (let i = from; i < to; i++)
        out.data[i] = (x.data[i] - moments.data[c]) * scale * gamma.data[c] + beta.data[c];
    });
  },
  examples: [{ shapes: [[4, 3, 2, 2], [2, 3], [3], [3]], attributes: { epsilon: 0.1 }, range: [0.5, 2] }],
});

/** Σ dy · x̂ (the gradient of γ) and Σ dy (that of β) for every channel: dy and x [N, C, …] → [2, C]. */
export const batchNormaliseGradientSums: Op<3, BatchNormOptions> = defineOp({
  name: "batchNormaliseGradientSums",
  arity: 3,
  normalise: checkEpsilon("batchNormaliseGradientSums"),
  shape: ([dy, x, moments]) => {
    checkChannels("batchNormaliseGradientSums", x, {}, moments);
    if (dy.join() !== x.join())
      throw new ShapeError({ op: "batchNormaliseGradientSums", want: "dy as x", got: { dy, x } });
    return moments;
  },
  reference: (out, [dy, x, moments], { epsilon }) => {
    const sums = new Float64Array(out.data.length);
    const C = x.shape[1];
    forEachPlane(x.shape, (c, from, to) => {
      const scale = 1 / deviation(moments, c, epsilon);
      for (let i = from; i < to; i++) {
        sums[c] += dy.data[i] * (x.data[i] - moments.data[c]) * scale;
        sums[C + c] += dy.data[i];
      }
    });
    out.data.set(sums);
  },
  examples: [
    {
      shapes: [
        [4, 3, 2, 2],
        [4, 3, 2, 2],
        [2, 3],
      ],
      attributes: { epsilon: 0.1 },
      range: [0.5, 2],
    },
  ],
});

/** dx = γ/σ · (dy − Σdy/m − x̂ · Σ(dy·x̂)/m), with the sums of batchNormaliseGradientSums and m elements a channel. */
export const batchNormaliseGradient: Op<5, BatchNormOptions> = defineOp({
  name: "batchNormaliseGradient",
  arity: 5,
  normalise: checkEpsilon("batchNormaliseGradient"),
  shape: ([dy, x, moments, gamma, sums]) => {
    checkChannels("batchNormaliseGradient", x, { gamma }, moments);
    if (dy.join() !== x.join() || sums.join() !== moments.join()) {
      throw new ShapeError({
        op: "batchNormaliseGradient",
        want: "dy as x and sums as moments",
        got: { dy, x, sums, moments },
      });
    }
    return x;
  },
  reference: (out, [dy, x, moments, gamma, sums], { epsilon }) => {
    const C = x.shape[1];
    const count = x.data.length / C;
    forEachPlane(x.shape, (c, from, to) => {
      const scale = 1 / deviation(moments, c, epsilon);
      for (let i = from; i < to; i++) {
        const normalised = (x.data[i] - moments.data[c]) * scale;
        const centred = dy.data[i] - sums.data[C + c] / count - (normalised * sums.data[c]) / count;
        out.data[i] = gamma.data[c] * scale * centred;
      }
    });
  },
  examples: [
    { shapes: [[4, 3, 2, 2], [4, 3, 2, 2], [2, 3], [3], [2, 3]], attributes: { epsilon: 0.1 }, range: [0.5, 2] },
  ],
});
