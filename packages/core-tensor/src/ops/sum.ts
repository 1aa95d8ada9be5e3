import { defineOp, type Op } from "../graph/define-op.js";
import { ShapeError } from "../graph/errors.js";
import { broadcastShapes, elementsOf, normaliseAxes, type Shape, sameShape, stridesOf } from "../graph/shape.js";
import type { Tensor } from "../graph/tensor.js";
import { broadcastStrides } from "./elementwise-op.js";
import { reshape, sameDtype } from "./shape-ops.js";

export interface ReduceOptions {
  /** Axes to reduce, negative from the end; all of them where absent. */
  readonly axes?: readonly number[];
  /** Keep reduced axes with size 1. */
  readonly keepDims?: boolean;
}

export function normaliseReduce(op: string) {
  return (attributes: ReduceOptions | undefined, [x]: readonly Shape[]): Required<ReduceOptions> => ({
    axes: normaliseAxes(op, attributes?.axes, x.length),
    keepDims: attributes?.keepDims ?? false,
  });
}

/** x's shape with the reduced axes at size 1, then without them unless they are kept. */
export function reducedShape(x: Shape, { axes, keepDims }: Required<ReduceOptions>): Shape {
  const kept = x.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis));
}

/** For each element of x in row-major order, the element of the reduced result that it goes to. */
export function reductionTargets(x: Shape, axes: readonly number[]): Int32Array {
  const kept = x.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const targets = new Int32Array(elementsOf(x));
  for (let i = 0; i < targets.length; i++) {
    let rest = i;
    for (let axis = x.length - 1; axis >= 0; axis--) {
      targets[i] += (rest % x[axis]) * strides[axis];
      rest = Math.floor(rest / x[axis]);
    }
  }
  return targets;
}

/** Reductions whose gradient spreads dy over the reduced axes again. */
export function spreadOver(dy: Tensor, x: Shape, axes: readonly number[]): Tensor {
  const kept = x.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return broadcastTo(reshape(dy, { shape: kept }), { shape: x });
}

/** Sum over axes. Gradient: dy, spread over the reduced axes. The sum of nothing is 0. */
export const sum: Op<1, ReduceOptions | undefined> = defineOp({
  name: "sum",
  arity: 1,
  normalise: normaliseReduce("sum"),
  shape: ([x], attributes) => reducedShape(x, attributes),
  gradient: (dy, [x], { attributes }) => [spreadOver(dy, x.shape, attributes.axes)],
  reference: (out, [x], { axes }) => {
    const targets = reductionTargets(x.shape, axes);
    const sums = new Float64Array(out.data.length);
    for (let i = 0; i < targets.length; i++) sums[targets[i]] += x.data[i];
    out.data.set(sums);
  },
  examples: [
    { shapes: [[3, 4]] },
    { shapes: [[2, 3, 4]], attributes: { axes: [0, 2] } },
    { shapes: [[2, 3, 4]], attributes: { axes: [-1], keepDims: true } },
  ],
});

/** x repeated along axes of size 1, and along new axes on the left. Gradient: the sum over what was repeated. */
export const broadcastTo: Op<1, { shape: Shape }> = defineOp({
  name: "broadcastTo",
  arity: 1,
  shape: ([x], { shape }) => {
    if (!sameShape(broadcastShapes("broadcastTo", [x, shape]), shape)) {
      throw new ShapeError({ op: "broadcastTo", want: "a target that x stretches to", got: { x, shape } });
    }
    return shape;
  },
  dtype: sameDtype("broadcastTo"),
  gradient: (dy, [x]) => [sumTo(dy, x.shape)],
  reference: (out, [x]) => {
    const strides = broadcastStrides(x.shape, out.shape);
    for (let i = 0; i < out.data.length; i++) {
      let [rest, at] = [i, 0];
      for (let axis = out.shape.length - 1; axis >= 0; axis--) {
        at += (rest % out.shape[axis]) * strides[axis];
        rest = Math.floor(rest / out.shape[axis]);
      }
      out.data[i] = x.data[at];
    }
  },
  examples: [
    { shapes: [[3, 1]], attributes: { shape: [2, 3, 4] } },
    { shapes: [[]], attributes: { shape: [2, 3] } },
  ],
});

/** The gradient of an operand that was broadcast: dy summed over the axes that it stretched along. */
export function sumTo(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const extra = dy.shape.length - shape.length;
  const axes = dy.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || (shape[axis - extra] === 1 && dy.shape[axis] !== 1));
  return reshape(sum(dy, { axes }), { shape });
}
