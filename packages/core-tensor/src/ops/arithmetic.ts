import type { Op } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { DtypeError } from "../graph/errors.js";
import { defineElementwise } from "./elementwise-op.js";
import { sumTo } from "./sum.js";

/** a + b, with broadcasting. Gradient: dy for both. */
export const add: Op<2> = defineElementwise({
  name: "add",
  arity: 2,
  apply: (a, b) => a + b,
  gradient: (dy, [a, b]) => [sumTo(dy, a.shape), sumTo(dy, b.shape)],
});

/** −x. Gradient: −dy. */
export const negate: Op<1> = defineElementwise({
  name: "negate",
  arity: 1,
  apply: (x) => -x,
  gradient: (dy) => [negate(dy)],
});

/** a − b, with broadcasting. Gradient: dy and −dy. */
export const subtract: Op<2> = defineElementwise({
  name: "subtract",
  arity: 2,
  apply: (a, b) => a - b,
  gradient: (dy, [a, b]) => [sumTo(dy, a.shape), sumTo(negate(dy), b.shape)],
});

/** a · b, with broadcasting. Gradient: dy · b and dy · a. */
export const multiply: Op<2> = defineElementwise({
  name: "multiply",
  arity: 2,
  apply: (a, b) => a * b,
  gradient: (dy, [a, b]) => [sumTo(multiply(dy, b), a.shape), sumTo(multiply(dy, a), b.shape)],
});

/** a / b, with broadcasting. Gradient: dy / b and −dy · a / b². */
export const divide: Op<2> = defineElementwise({
  name: "divide",
  arity: 2,
  apply: (a, b) => a / b,
  range: [0.5, 2],
  gradient: (dy, [a, b], { output }) => [
    sumTo(divide(dy, b), a.shape),
    sumTo(negate(divide(multiply(dy, output), b)), b.shape),
  ],
});

function comparison(name: string, apply: (a: number, b: number) => boolean): Op<2> {
  return defineElementwise({
    name,
    arity: 2,
    apply: (a, b) => Number(apply(a, b)),
    isComparison: true,
    gradient: () => [null, null],
  });
}

/** a > b, as bool. */
export const greater: Op<2> = comparison("greater", (a, b) => a > b);
/** a ≥ b, as bool. */
export const greaterEqual: Op<2> = comparison("greaterEqual", (a, b) => a >= b);
/** a < b, as bool. */
export const less: Op<2> = comparison("less", (a, b) => a < b);
/** a = b, as bool. NaN equals nothing. */
export const equal: Op<2> = comparison("equal", (a, b) => a === b);

/** a where the condition (bool or f32) is not 0, b elsewhere; all three broadcast. */
export const select: Op<3> = defineElementwise({
  name: "select",
  arity: 3,
  dtype: ([condition, a, b]: readonly Dtype[]) => {
    if ((condition !== "bool" && condition !== "f32") || a !== "f32" || b !== "f32") {
      throw new DtypeError({
        op: "select",
        want: "a condition of bool or f32, and f32 values",
        got: [condition, a, b],
      });
    }
    return "f32";
  },
  apply: (condition, a, b) => (condition !== 0 ? a : b),
  gradient: (dy, [condition, a, b]) => [
    null,
    sumTo(select(condition, dy, 0), a.shape),
    sumTo(select(condition, 0, dy), b.shape),
  ],
  examples: [
    { shapes: [[3, 4], [3, 4], [4]], dtypes: ["bool", "f32", "f32"] },
    { shapes: [[2, 1], [2, 3], []], dtypes: ["bool", "f32", "f32"] },
  ],
});

/** The larger of a and b; NaN stays NaN. Where they are equal the gradient goes to a. */
export const maximum: Op<2> = defineElementwise({
  name: "maximum",
  arity: 2,
  apply: (a, b) => Math.max(a, b),
  gradient: (dy, [a, b]) => {
    const takesA = greaterEqual(a, b);
    return [sumTo(select(takesA, dy, 0), a.shape), sumTo(select(takesA, 0, dy), b.shape)];
  },
});

/** The smaller of a and b; NaN stays NaN. Where they are equal the gradient goes to a. */
export const minimum: Op<2> = defineElementwise({
  name: "minimum",
  arity: 2,
  apply: (a, b) => Math.min(a, b),
  gradient: (dy, [a, b]) => {
    const takesB = less(b, a);
    return [sumTo(select(takesB, 0, dy), a.shape), sumTo(select(takesB, dy, 0), b.shape)];
  },
});
