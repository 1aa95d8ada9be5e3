import { defineOp, type Op } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { ArgumentError, DtypeError, ShapeError } from "../graph/errors.js";
import { type Shape, sameShape } from "../graph/shape.js";
import { completeWindow, type Window, type WindowOptions, windowOutput } from "./convolution-geometry.js";

export interface PoolOptions extends Omit<WindowOptions, "dilation"> {
  readonly window: number | readonly [number, number];
}

export interface PoolAttributes extends Window {
  readonly window: readonly [number, number];
}

function completePool(op: string, options: PoolOptions): PoolAttributes {
  if (options?.window === undefined)
    throw new ArgumentError(`${op} needs a window`, { op, want: "window: [height, width]" });
  const { stride: window } = completeWindow(op, { stride: options.window }); // same form and bounds as a stride
  const complete = completeWindow(op, { stride: options.stride ?? options.window, padding: options.padding });
  const { padding } = complete;
  if (Math.max(padding[0], padding[1]) >= window[0] || Math.max(padding[2], padding[3]) >= window[1]) {
    throw new ArgumentError(`${op} pads by as much as its window`, {
      op,
      want: "padding smaller than the window, so that every window sees a value",
      got: { window, padding },
    });
  }
  return { ...complete, window };
}

function poolShape(op: string, x: Shape, attributes: PoolAttributes): Shape {
  if (x.length !== 4) throw new ShapeError({ op, want: "x [N, C, H, W]", got: { x } });
  return [x[0], x[1], ...windowOutput(op, x.slice(2), attributes.window, attributes)];
}

/** For each output in row-major order, its window's inputs inside x: calls `tap` for each, `done` after the last. */
function forEachWindow(
  x: Shape,
  y: Shape,
  { window, stride, padding }: PoolAttributes,
  tap: (xAt: number) => void,
  done: (yAt: number) => void,
): void {
  const [N, C, H, W] = x;
  let yAt = 0;
  for (let plane = 0; plane < N * C; plane++) {
    for (let i = 0; i < y[2]; i++) {
      for (let j = 0; j < y[3]; j++) {
        const [top, left] = [i * stride[0] - padding[0], j * stride[1] - padding[2]];
        for (let h = Math.max(top, 0); h < Math.min(top + window[0], H); h++) {
          for (let w = Math.max(left, 0); w < Math.min(left + window[1], W); w++) tap((plane * H + h) * W + w);
        }
        done(yAt++);
      }
    }
  }
}

const examples = [
  { x: [2, 2, 4, 6], attributes: { window: 2 } },
  { x: [1, 2, 5, 5], attributes: { window: [3, 2], stride: [2, 1], padding: [1, 0] } },
];

/** Largest value of each window, x [N, C, H, W] → [N, C, Ho, Wo]; padding is ignored. f32, or codes as u8. */
export const maxPool2d: Op<1, PoolOptions> = defineOp({
  name: "maxPool2d",
  arity: 1,
  normalise: (attributes) => completePool("maxPool2d", attributes),
  shape: ([x], attributes) => poolShape("maxPool2d", x, attributes),
  dtype: ([x]: readonly Dtype[]) => {
    if (x !== "f32" && x !== "u8") throw new DtypeError({ op: "maxPool2d", want: "f32, or codes as u8", got: x });
    return x;
  },
  gradient: (dy, [x], { attributes }) => [maxPool2dGradient(dy, x, attributes)],
  reference: (out, [x], attributes) => {
    let best = Number.NEGATIVE_INFINITY;
    forEachWindow(
      x.shape,
      out.shape,
      attributes,
      (at) => {
        best = Math.max(best, x.data[at]);
      },
      (at) => {
        out.data[at] = best;
        best = Number.NEGATIVE_INFINITY;
      },
    );
  },
  examples: examples.map(({ x, attributes }) => ({ shapes: [x], attributes })),
});

/** maxPool2d backwards: each dy goes to the first largest input of its window. It has no gradient for x of its own. */
export const maxPool2dGradient: Op<2, PoolOptions> = defineOp({
  name: "maxPool2dGradient",
  arity: 2,
  normalise: (attributes) => completePool("maxPool2dGradient", attributes),
  shape: ([dy, x], attributes) => {
    if (!sameShape(poolShape("maxPool2dGradient", x, attributes), dy)) {
      throw new ShapeError({ op: "maxPool2dGradient", want: "dy as maxPool2d of x", got: { dy, x } });
    }
    return x;
  },
  reference: (out, [dy, x], attributes) => {
    out.data.fill(0);
    let [best, bestAt] = [Number.NEGATIVE_INFINITY, -1];
    forEachWindow(
      x.shape,
      dy.shape,
      attributes,
      (at) => {
        if (bestAt < 0 || x.data[at] > best) [best, bestAt] = [x.data[at], at];
      },
      (at) => {
        out.data[bestAt] += dy.data[at];
        [best, bestAt] = [Number.NEGATIVE_INFINITY, -1];
      },
    );
  },
  examples: examples.map(({ x, attributes }) => ({
    shapes: [poolShape("maxPool2d", x, completePool("maxPool2d", attributes as PoolOptions)), x],
    attributes,
  })),
});

export interface AveragePoolOptions extends PoolOptions {
  /** Whether padded positions count in the divisor; they do not where absent. */
  readonly countPadding?: boolean;
}

const completeAverage = (op: string, attributes: AveragePoolOptions) => ({
  ...completePool(op, attributes),
  countPadding: attributes.countPadding ?? false,
});

/** Mean of each window, x [N, C, H, W] → [N, C, Ho, Wo]. Gradient: dy spread evenly over its window. */
export const averagePool2d: Op<1, AveragePoolOptions> = defineOp({
  name: "averagePool2d",
  arity: 1,
  normalise: (attributes) => completeAverage("averagePool2d", attributes),
  shape: ([x], attributes) => poolShape("averagePool2d", x, attributes),
  gradient: (dy, [x], { attributes }) => [averagePool2dGradient(dy, { ...attributes, inputShape: x.shape })],
  reference: (out, [x], attributes) => {
    let [total, count] = [0, 0];
    const size = attributes.window[0] * attributes.window[1];
    forEachWindow(
      x.shape,
      out.shape,
      attributes,
      (at) => {
        total += x.data[at];
        count++;
      },
      (at) => {
        out.data[at] = total / (attributes.countPadding ? size : count);
        [total, count] = [0, 0];
      },
    );
  },
  examples: examples.flatMap(({ x, attributes }) => [
    { shapes: [x], attributes },
    { shapes: [x], attributes: { ...attributes, countPadding: true } },
  ]),
});

/** averagePool2d backwards: dy [N, C, Ho, Wo] → dx of `inputShape`. */
export const averagePool2dGradient: Op<1, AveragePoolOptions & { inputShape: Shape }> = defineOp({
  name: "averagePool2dGradient",
  arity: 1,
  normalise: (attributes) => ({
    ...completeAverage("averagePool2dGradient", attributes),
    inputShape: attributes.inputShape,
  }),
  shape: ([dy], attributes) => {
    const { inputShape } = attributes;
    if (!sameShape(poolShape("averagePool2dGradient", inputShape, attributes), dy)) {
      throw new ShapeError({
        op: "averagePool2dGradient",
        want: "dy as averagePool2d of inputShape",
        got: { dy, inputShape },
      });
    }
    return inputShape;
  },
  gradient: (dz, _, { attributes: { inputShape: __, ...window } }) => [averagePool2d(dz, window)],
  reference: (out, [dy], attributes) => {
    out.data.fill(0);
    const size = attributes.window[0] * attributes.window[1];
    let taps: number[] = [];
    forEachWindow(
      out.shape,
      dy.shape,
      attributes,
      (at) => taps.push(at),
      (at) => {
        for (const tap of taps) out.data[tap] += dy.data[at] / (attributes.countPadding ? size : taps.length);
        taps = [];
      },
    );
  },
  examples: examples.map(({ x, attributes }) => ({
    shapes: [poolShape("averagePool2d", x, completePool("averagePool2d", attributes as PoolOptions))],
    attributes: { ...attributes, inputShape: x },
  })),
});
