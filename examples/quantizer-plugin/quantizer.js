import {
  clip,
  divide,
  maximum,
  mean,
  multiply,
  roundHalfEven,
  roundStraightThrough,
  sqrt,
  square,
  stopGradient,
} from "@lowbit/core-tensor";
import { defineQuantizer } from "@lowbit/quant";
import { z } from "zod";

/** Codes run from −n to n: one of the k bits is the sign. */
const largestCode = (bits) => 2 ** (bits - 1) - 1;

/**
 * Weights on a grid that reaches as far as a few root mean squares: s = spread · √mean(w²) / n,
 * q(w) = s · clip(round(w / s), −n, n) with n = 2^(k−1) − 1. Ties go to the even code.
 *
 * Gradient: 1 where |round(w / s)| ≤ n, 0 elsewhere; none flows into s.
 */
export const sigma = defineQuantizer({
  name: "sigma",
  version: 1, // raise it when the same options give other numbers: networks keep it, and refuse another one
  source: "the paper and the equation",
  options: z.strictObject({
    bits: z.int().min(2).max(8),
    spread: z.number().min(0.1).max(10).default(2),
  }),
  codes: ({ bits }) => ({ kind: "int", min: -largestCode(bits), max: largestCode(bits) }),
  scale: ({ bits, spread }) => ({
    kind: "statistic",
    compute: (w) => {
      const size = sqrt(maximum(mean(square(w)), 2 ** -100)); // weights that are all 0 have a scale too
      return stopGradient(multiply(size, spread / largestCode(bits)));
    },
  }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (w, { bits }, scale) => {
    const n = largestCode(bits);
    return multiply(clip(roundStraightThrough(divide(w, scale)), { min: -n, max: n }), scale);
  },
  toCodes: (levels, _, scale) => roundHalfEven(divide(levels, scale)),
  fromCodes: (codes, _, scale) => multiply(codes, scale),
  gradient: ({ bits }, scale) => {
    const edge = (largestCode(bits) + 0.5) * scale; // n is odd: halfway goes up, to n + 1
    return { edges: [-edge, edge], at: (w) => (Math.abs(w) < edge ? 1 : 0) };
  },
});
