import { defineOp, type Op } from "../graph/define-op.js";
import { ArgumentError, ShapeError } from "../graph/errors.js";
import { elementsOf, normaliseAxis } from "../graph/shape.js";
import { divide, equal, multiply, select } from "./arithmetic.js";
import { normaliseReduce, type ReduceOptions, reducedShape, reductionTargets, spreadOver, sum } from "./sum.js";

/** Mean over axes. Gradient: dy / count, spread over the reduced axes. The mean of nothing is refused. */
export const mean: Op<1, ReduceOptions | undefined> = defineOp({
  name: "mean",
  arity: 1,
  normalise: normaliseReduce("mean"),
  shape: ([x], attributes) => {
    if (elementsOf(x) === 0) throw new ShapeError({ op: "mean", want: "at least one element", got: { x } });
    return reducedShape(x, attributes);
  },
  gradient: (dy, [x], { output, attributes }) => {
    const count = elementsOf(x.shape) / elementsOf(output.shape);
    return [spreadOver(divide(dy, count), x.shape, attributes.axes)];
  },
  reference: (out, [x], { axes }) => {
    const targets = reductionTargets(x.shape, axes);
    const sums = new Float64Array(out.data.length);
    for (let i = 0; i < targets.length; i++) sums[targets[i]] += x.data[i];
    const count = x.data.length / out.data.length;
    for (let i = 0; i < sums.length; i++) out.data[i] = sums[i] / count;
  },
  examples: [
    { shapes: [[3, 4]] },
    { shapes: [[2, 3, 4]], attributes: { axes: [1] } },
    { shapes: [[2, 3, 2, 2]], attributes: { axes: [2, 3] } },
  ],
});

/** Largest value over axes; NaN wins. Where several are largest they share the gradient equally. */
export const max: Op<1, ReduceOptions | undefined> = defineOp({
  name: "max",
  arity: 1,
  normalise: normaliseReduce("max"),
  shape: ([x], attributes) => {
    if (elementsOf(x) === 0) throw new ShapeError({ op: "max", want: "at least one element", got: { x } });
    return reducedShape(x, attributes);
  },
  gradient: (dy, [x], { output, attributes: { axes } }) => {
    const isLargest = select(equal(x, spreadOver(output, x.shape, axes)), 1, 0);
    const ties = spreadOver(sum(isLargest, { axes }), x.shape, axes);
    return [divide(multiply(spreadOver(dy, x.shape, axes), isLargest), ties)];
  },
  reference: (out, [x], { axes }) => {
    const targets = reductionTargets(x.shape, axes);
    out.data.fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < targets.length; i++) out.data[targets[i]] = Math.max(out.data[targets[i]], x.data[i]);
  },
  examples: [{ shapes: [[3, 4]] }, { shapes: [[2, 3, 4]], attributes: { axes: [1], keepDims: true } }],
});

/** Index of the largest value along one axis (i32); the first of equals. No gradient. */
export const argmax: Op<1, { axis: number }> = defineOp({
  name: "argmax",
  arity: 1,
  normalise: (attributes, [x]) => ({ axis: normaliseAxis("argmax", attributes?.axis, x.length) }),
  shape: ([x], { axis }) => {
    if (x[axis] === 0)
      throw new ArgumentError("argmax of an empty axis", { op: "argmax", want: "at least one element" });
    return x.filter((_, i) => i !== axis);
  },
  dtype: () => "i32",
  gradient: () => [null],
  reference: (out, [x], { axis }) => {
    const targets = reductionTargets(x.shape, [axis]);
    const inner = elementsOf(x.shape.slice(axis + 1));
    const best = new Float64Array(out.data.length).fill(Number.NEGATIVE_INFINITY);
    out.data.fill(0);
    for (let i = 0; i < targets.length; i++) {
      if (x.data[i] > best[targets[i]]) {
        best[targets[i]] = x.data[i];
        out.data[targets[i]] = Math.floor(i / inner) % x.shape[axis];
      }
    }
  },
  examples: [
    { shapes: [[3, 4]], attributes: { axis: 1 } },
    { shapes: [[3, 4, 2]], attributes: { axis: 0 } },
  ],
});
