import {
  add,
  clip,
  divide,
  maximum,
  multiply,
  roundHalfEven,
  roundStraightThrough,
  subtract,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer, type Held } from "../define-quantizer.js";
import { meanSquaredErrorRange } from "../observers/mean-squared-error-range.js";
import { onesLike } from "./ones-like.js";
import { scaledGradient } from "./scaled-gradient.js";
import { SMALLEST_STEP } from "./smallest-step.js";

const largestCode = (bits: number): number => 2 ** bits - 1;

/** The grid of the least squared error, wherever it lies. */
const firstGrid = (values: Float32Array, bits: number) => {
  const { min, max } = meanSquaredErrorRange(values, { levels: 2 ** bits, anchor: "free" });
  return { step: Math.max(SMALLEST_STEP, (max - min) / largestCode(bits)), offset: min };
};

/**
 * LSQ+ for activations: q(x) = s · round(clip((x − β) / s, 0, n)) + β, n = 2^k − 1, with a step s and an offset β that are
 * trained. Ties go to the even code. 0 need not be a level: padding stays 0 all the same.
 *
 * Gradient of x: 1 where 0 ≤ (x − β) / s ≤ n (edges included), 0 elsewhere. Of β: 0 inside, 1 outside. Of s: round(v) − v
 * inside with v = (x − β) / s, 0 below, n above. Those of s and β are multiplied by LSQ's g. Both begin with the grid of
 * the least squared error.
 */
export const lsqPlus = defineQuantizer({
  name: "lsq-plus",
  version: 1,
  source: 'Bhalgat et al., "LSQ+", arXiv 2004.09576, eqs. 5 to 8',
  options: z.strictObject({ bits: z.int().min(1).max(8) }),
  codes: ({ bits }) => ({ kind: bits === 1 ? "binary" : "uint", min: 0, max: largestCode(bits) }),
  learned: ({ bits }) => ({
    step: { initial: (values) => firstGrid(values, bits).step },
    offset: { initial: (values) => firstGrid(values, bits).offset },
  }),
  scale: () => ({ kind: "learned", compute: ({ step }) => maximum(step, SMALLEST_STEP) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (x, { bits }, scale, held) => {
    const n = largestCode(bits);
    const step = scaledGradient(scale as Tensor, x, "activations", n);
    const offset = scaledGradient((held as Held).offset, x, "activations", n);
    const codes = roundStraightThrough(clip(divide(subtract(x, offset), step), { min: 0, max: n }));
    return add(multiply(codes, step), offset);
  },
  toCodes: (levels, _, step, held) => roundHalfEven(divide(subtract(levels, (held as Held).offset), step as Tensor)),
  fromCodes: (codes, _, step, held) => add(multiply(codes, step as Tensor), (held as Held).offset),
  terms: (codes, { bits }, step, { offset }) => [
    { codes, range: { kind: bits === 1 ? "binary" : "uint", min: 0, max: largestCode(bits) }, scale: step as Tensor },
    { codes: onesLike(codes), range: { kind: "binary", min: 0, max: 1 }, scale: offset },
  ],
  gradient: ({ bits }, step, { offset }) => {
    const edges = [offset, offset + largestCode(bits) * step];
    return { edges, at: (x) => (x >= edges[0] && x <= edges[1] ? 1 : 0) };
  },
});
