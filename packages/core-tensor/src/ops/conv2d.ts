import { defineOp, type Op, type Values } from "../graph/define-op.js";
import { ArgumentError, ShapeError } from "../graph/errors.js";
import { type Shape, sameShape } from "../graph/shape.js";
import { completeWindow, insideRange, type Window, type WindowOptions, windowOutput } from "./convolution-geometry.js";

export interface Conv2dOptions extends WindowOptions {
  /** Channels are cut into this many groups that do not see each other; 1 where absent. */
  readonly groups?: number;
}

export interface Conv2dAttributes extends Window {
  readonly groups: number;
}

export function completeConv2d(op: string, options: Conv2dOptions = {}): Conv2dAttributes {
  const groups = options.groups ?? 1;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ArgumentError(`${op} can't work with groups ${groups}`, {
      op,
      want: "a whole number from 1",
      got: groups,
    });
  }
  return { ...completeWindow(op, options), groups };
}

/** [N, M, Ho, Wo] for x [N, C, H, W] and w [M, C / groups, R, S]. */
export function conv2dShape(op: string, x: Shape, w: Shape, attributes: Conv2dAttributes): Shape {
  const { groups } = attributes;
  if (x.length !== 4 || w.length !== 4 || x[1] !== w[1] * groups || w[0] % groups !== 0 || w[0] === 0 || w[1] === 0) {
    const want = `x [N, C, H, W] and w [M, C/${groups}, R, S], M and C multiples of the ${groups} groups`;
    throw new ShapeError({ op, want, got: { x, w } });
  }
  return [x[0], w[0], ...windowOutput(op, x.slice(2), w.slice(2), attributes)];
}

/**
 * Calls `row` for each stretch of one output row that one tap of one channel reaches: `count` outputs from `out`, one
 * apart, meet inputs from `x`, a stride apart, under the weight at `w`.
 */
export function forEachTapRow(
  x: Shape,
  w: Shape,
  y: Shape,
  { stride, padding, dilation, groups }: Conv2dAttributes,
  row: (out: number, xAt: number, wAt: number, count: number) => void,
): void {
  const [N, C, H, W] = x;
  const [M, perGroup, R, S] = w;
  const [, , Ho, Wo] = y;
  for (let n = 0; n < N; n++) {
    for (let m = 0; m < M; m++) {
      const firstChannel = Math.floor(m / (M / groups)) * perGroup;
      for (let c = 0; c < perGroup; c++) {
        for (let r = 0; r < R; r++) {
          const rowShift = r * dilation[0] - padding[0];
          const [top, bottom] = insideRange(H, Ho, stride[0], rowShift);
          for (let s = 0; s < S; s++) {
            const columnShift = s * dilation[1] - padding[2];
            const [left, right] = insideRange(W, Wo, stride[1], columnShift);
            if (right <= left) continue;
            const wAt = ((m * perGroup + c) * R + r) * S + s;
            for (let ho = top; ho < bottom; ho++) {
              const xRow = ((n * C + firstChannel + c) * H + ho * stride[0] + rowShift) * W;
              const out = ((n * M + m) * Ho + ho) * Wo + left;
              row(out, xRow + left * stride[1] + columnShift, wAt, right - left);
            }
          }
        }
      }
    }
  }
}

/** out = the correlation of x with w; sums in float64. */
export function correlate(out: Values, x: Values, w: Values, attributes: Conv2dAttributes): void {
  const step = attributes.stride[1];
  const sums = new Float64Array(out.data.length);
  const { data: xs } = x;
  const { data: ws } = w;
  forEachTapRow(x.shape, w.shape, out.shape, attributes, (to, from, wAt, count) => {
    const weight = ws[wAt];
    for (let i = 0; i < count; i++) sums[to + i] += weight * xs[from + i * step];
  });
  out.data.set(sums);
}

const examples = [
  { x: [2, 3, 5, 4], w: [4, 3, 3, 3], attributes: { padding: 1 } },
  { x: [1, 4, 6, 5], w: [6, 2, 3, 2], attributes: { stride: [2, 1], padding: [1, 0], groups: 2 } },
  { x: [2, 2, 7, 7], w: [3, 2, 1, 1], attributes: { stride: 2 } },
  { x: [1, 2, 7, 6], w: [2, 1, 3, 3], attributes: { dilation: 2, padding: [2, 1, 1, 2], groups: 2 } },
];
const outputOf = (x: Shape, w: Shape, attributes: Conv2dOptions) =>
  conv2dShape("conv2d", x, w, completeConv2d("conv2d", attributes));

/**
 * Two-dimensional convolution (as everybody in the field says; it is a correlation).
 *
 * Shapes    x [N, C, H, W], w [M, C/groups, R, S] → y [N, M, Ho, Wo]
 * Formula   y[n, m, i, j] = Σ_c,r,s w[m, c, r, s] · x[n, c, i·stride + r·dilation − top, …]; outside of x it reads 0
 * Gradient  dx = conv2dInputGradient(dy, w),  dw = conv2dWeightGradient(x, dy)
 */
export const conv2d: Op<2, Conv2dOptions | undefined> = defineOp({
  name: "conv2d",
  arity: 2,
  normalise: (attributes) => completeConv2d("conv2d", attributes),
  shape: ([x, w], attributes) => conv2dShape("conv2d", x, w, attributes),
  gradient: (dy, [x, w], { attributes }) => [
    conv2dInputGradient(dy, w, { ...attributes, inputShape: x.shape }),
    conv2dWeightGradient(x, dy, { ...attributes, weightShape: w.shape }),
  ],
  reference: (out, [x, w], attributes) => correlate(out, x, w, attributes),
  examples: examples.map(({ x, w, attributes }) => ({ shapes: [x, w], attributes })),
});

/** The gradient of conv2d for its input: dy [N, M, Ho, Wo], w [M, C/groups, R, S] → dx of `inputShape`. */
export const conv2dInputGradient: Op<2, Conv2dOptions & { inputShape: Shape }> = defineOp({
  name: "conv2dInputGradient",
  arity: 2,
  normalise: (attributes) => ({
    ...completeConv2d("conv2dInputGradient", attributes),
    inputShape: attributes.inputShape,
  }),
  shape: ([dy, w], attributes) => {
    const { inputShape } = attributes;
    if (!sameShape(conv2dShape("conv2dInputGradient", inputShape, w, attributes), dy)) {
      throw new ShapeError({
        op: "conv2dInputGradient",
        want: "dy as conv2d of inputShape",
        got: { dy, w, inputShape },
      });
    }
    return inputShape;
  },
  gradient: (dz, [dy, w], { attributes: { inputShape: _, ...window } }) => [
    conv2d(dz, w, window),
    conv2dWeightGradient(dz, dy, { ...window, weightShape: w.shape }),
  ],
  reference: (out, [dy, w], attributes) => {
    const step = attributes.stride[1];
    const sums = new Float64Array(out.data.length);
    forEachTapRow(out.shape, w.shape, dy.shape, attributes, (yAt, to, wAt, count) => {
      const weight = w.data[wAt];
      for (let i = 0; i < count; i++) sums[to + i * step] += weight * dy.data[yAt + i];
    });
    out.data.set(sums);
  },
  examples: examples.map(({ x, w, attributes }) => ({
    shapes: [outputOf(x, w, attributes as Conv2dOptions), w],
    attributes: { ...attributes, inputShape: x },
  })),
});

/** The gradient of conv2d for its weights: x [N, C, H, W], dy [N, M, Ho, Wo] → dw of `weightShape`. */
export const conv2dWeightGradient: Op<2, Conv2dOptions & { weightShape: Shape }> = defineOp({
  name: "conv2dWeightGradient",
  arity: 2,
  normalise: (attributes) => ({
    ...completeConv2d("conv2dWeightGradient", attributes),
    weightShape: attributes.weightShape,
  }),
  shape: ([x, dy], attributes) => {
    const { weightShape } = attributes;
    if (!sameShape(conv2dShape("conv2dWeightGradient", x, weightShape, attributes), dy)) {
      throw new ShapeError({ op: "conv2dWeightGradient", want: "dy as conv2d of x", got: { x, dy, weightShape } });
    }
    return weightShape;
  },
  gradient: (dz, [x, dy], { attributes: { weightShape: _, ...window } }) => [
    conv2dInputGradient(dy, dz, { ...window, inputShape: x.shape }),
    conv2d(x, dz, window),
  ],
  reference: (out, [x, dy], attributes) => {
    const step = attributes.stride[1];
    const sums = new Float64Array(out.data.length);
    forEachTapRow(x.shape, out.shape, dy.shape, attributes, (yAt, from, wAt, count) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += dy.data[yAt + i] * x.data[from + i * step];
      sums[wAt] += sum;
    });
    out.data.set(sums);
  },
  examples: examples.map(({ x, w, attributes }) => ({
    shapes: [x, outputOf(x, w, attributes as Conv2dOptions)],
    attributes: { ...attributes, weightShape: w },
  })),
});
