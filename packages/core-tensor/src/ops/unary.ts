import type { Op } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { ArgumentError, DtypeError } from "../graph/errors.js";
import { divide, greater, multiply, negate, select, subtract } from "./arithmetic.js";
import { defineElementwise } from "./elementwise-op.js";
import { sumTo } from "./sum.js";

/** x as it is, in a buffer of its own. */
export const copy: Op<1> = defineElementwise({
  name: "copy",
  arity: 1,
  dtype: ([x]) => x,
  apply: (x) => x,
  gradient: (dy) => [dy],
});

/** |x|. Gradient: dy · sign(x), and 0 at 0. */
export const abs: Op<1> = defineElementwise({
  name: "abs",
  arity: 1,
  apply: Math.abs,
  kinks: [0],
  gradient: (dy, [x]) => [select(greater(x, 0), dy, select(greater(0, x), negate(dy), 0))],
});

/** x². Gradient: 2 · x · dy. */
export const square: Op<1> = defineElementwise({
  name: "square",
  arity: 1,
  apply: (x) => x * x,
  gradient: (dy, [x]) => [multiply(dy, multiply(x, 2))],
});

/** √x. Gradient: dy / (2 · √x). */
export const sqrt: Op<1> = defineElementwise({
  name: "sqrt",
  arity: 1,
  apply: Math.sqrt,
  range: [0.3, 3],
  gradient: (dy, _, { output }) => [divide(dy, multiply(output, 2))],
});

/** eˣ. Gradient: dy · eˣ. */
export const exp: Op<1> = defineElementwise({
  name: "exp",
  arity: 1,
  apply: Math.exp,
  gradient: (dy, _, { output }) => [multiply(dy, output)],
});

/** Natural logarithm. Gradient: dy / x. */
export const log: Op<1> = defineElementwise({
  name: "log",
  arity: 1,
  apply: Math.log,
  range: [0.3, 3],
  gradient: (dy, [x]) => [divide(dy, x)],
});

/** Hyperbolic tangent. Gradient: dy · (1 − tanh²). */
export const tanh: Op<1> = defineElementwise({
  name: "tanh",
  arity: 1,
  apply: Math.tanh,
  gradient: (dy, _, { output }) => [multiply(dy, subtract(1, square(output)))],
});

/** 1 / (1 + e⁻ˣ). Gradient: dy · s · (1 − s). */
export const sigmoid: Op<1> = defineElementwise({
  name: "sigmoid",
  arity: 1,
  apply: (x) => 1 / (1 + Math.exp(-x)),
  gradient: (dy, _, { output }) => [multiply(dy, multiply(output, subtract(1, output)))],
});

/**
 * max(x, 0); NaN stays NaN. Gradient: dy where x > 0, which is where the result is: so x need not be kept for it.
 */
export const relu: Op<1> = defineElementwise({
  name: "relu",
  arity: 1,
  apply: (x) => (x < 0 ? 0 : x),
  kinks: [0],
  gradient: (dy, _, { output }) => [reluGradient(dy, output)],
});

/** dy where x > 0, 0 elsewhere: relu backwards, in one pass. */
export const reluGradient: Op<2> = defineElementwise({
  name: "reluGradient",
  arity: 2,
  apply: (dy, x) => (x > 0 ? dy : 0),
  kinks: [0],
  gradient: (dz, [dy, x]) => [sumTo(reluGradient(dz, x), dy.shape), null],
});

/** +1 where x ≥ 0, −1 elsewhere: sign(0) = +1, because one bit has no zero. The gradient is 0. */
export const sign: Op<1> = defineElementwise({
  name: "sign",
  arity: 1,
  apply: (x) => (x >= 0 ? 1 : -1),
  kinks: [0],
  gradient: () => [null],
});

function roundToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest < 0.5 || (rest === 0.5 && down % 2 === 0)) return down === 0 && x < 0 ? -0 : down;
  return down + 1 === 0 ? -0 : down + 1;
}

/** Nearest whole number, ties to the even one. The gradient is 0. */
export const roundHalfEven: Op<1> = defineElementwise({
  name: "roundHalfEven",
  arity: 1,
  apply: roundToEven,
  kinks: [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5],
  gradient: () => [null],
});

/** roundHalfEven with the straight-through estimator: the gradient is dy, as if nothing had been rounded. */
export const roundStraightThrough: Op<1> = defineElementwise({
  name: "roundStraightThrough",
  arity: 1,
  apply: roundToEven,
  isStraightThrough: true,
  gradient: (dy) => [dy],
});

export interface ClipOptions {
  readonly min: number;
  readonly max: number;
}

function checkRange(options: ClipOptions | undefined): ClipOptions {
  if (!options || !(options.min <= options.max)) {
    throw new ArgumentError("clip needs min ≤ max", { op: "clip", want: "numbers with min ≤ max", got: options });
  }
  return { min: options.min, max: options.max };
}

/** x held inside [min, max]; NaN stays NaN. Gradient: dy where min ≤ x ≤ max (edges included), 0 outside. */
export const clip: Op<1, ClipOptions> = defineElementwise({
  name: "clip",
  arity: 1,
  normalise: checkRange,
  immediates: ({ min, max }) => [min, max],
  apply: (x, _, __, { min, max }) => (x < min ? min : x > max ? max : x),
  exampleAttributes: { min: -1, max: 0.5 },
  kinks: [-1, 0.5],
  gradient: (dy, [x], { attributes }) => [clipGradient(dy, x, attributes)],
});

/** dy where min ≤ x ≤ max, 0 elsewhere: clip backwards, in one pass. */
export const clipGradient: Op<2, ClipOptions> = defineElementwise({
  name: "clipGradient",
  arity: 2,
  normalise: checkRange,
  immediates: ({ min, max }) => [min, max],
  apply: (dy, x, _, { min, max }) => (x >= min && x <= max ? dy : 0),
  exampleAttributes: { min: -1, max: 0.5 },
  kinks: [-1, 0.5],
  gradient: (dz, [dy, x], { attributes }) => [sumTo(clipGradient(dz, x, attributes), dy.shape), null],
});

/** What `cast` takes and makes; a fused step names one by its place here. */
export const castableDtypes: readonly Dtype[] = ["f32", "i32", "u8", "bool"];

/**
 * The same numbers in another dtype. f32 → i32 and u8 drop the fraction; u8 holds 0 … 255; bool is x ≠ 0.
 * Gradient: dy where both sides are f32, none elsewhere.
 */
export const cast: Op<1, { dtype: Dtype }> = defineElementwise({
  name: "cast",
  arity: 1,
  dtype: ([from], { dtype }) => {
    if (!castableDtypes.includes(from) || !castableDtypes.includes(dtype)) {
      throw new DtypeError({ op: "cast", want: `one of ${castableDtypes.join(", ")}`, got: { from, to: dtype } });
    }
    return dtype;
  },
  immediates: ({ dtype }) => [castableDtypes.indexOf(dtype)],
  apply: (x, _, __, { dtype }) => (dtype === "f32" ? x : dtype === "bool" ? Number(x !== 0) : Math.trunc(x)),
  gradient: (dy, [x], { attributes }) => [x.dtype === "f32" && attributes.dtype === "f32" ? dy : null],
  examples: [
    { shapes: [[2, 3]], dtypes: ["i32"], attributes: { dtype: "f32" } },
    { shapes: [[2, 3]], dtypes: ["u8"], attributes: { dtype: "f32" } },
    { shapes: [[5]], attributes: { dtype: "f32" } },
  ],
});
