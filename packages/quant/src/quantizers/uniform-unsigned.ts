import { clip, divide, multiply, roundHalfEven, roundStraightThrough } from "@lowbit/core-tensor";
import { z } from "zod";
import { clippedGradient, defineQuantizer } from "../define-quantizer.js";

const largestCode = (bits: number): number => 2 ** bits - 1;

/** Codes to the unit: n itself where the range is 1, so that ties of the printed grid stay ties. */
const density = (range: number, bits: number): number => Math.fround(largestCode(bits) / range);

/**
 * Whole numbers of k bits from 0: q(x) = round(d · clip(x, 0, range)) / d with d = (2^k − 1) / range, rounded to
 * float32. Ties go to the even code. One bit gives {0, range}.
 *
 * Gradient: 1 where 0 ≤ x ≤ range (edges included), 0 outside.
 */
export const uniformUnsigned = defineQuantizer({
  name: "uniform-unsigned",
  version: 1,
  source: "uniform grid from 0 (Krishnamoorthi, arXiv 1806.08342, section 2.1, zero point 0)",
  options: z.strictObject({
    bits: z.int().min(1).max(8),
    range: z.number().min(1e-6).max(1e6).default(1),
  }),
  codes: ({ bits }) => ({ kind: bits === 1 ? "binary" : "uint", min: 0, max: largestCode(bits) }),
  scale: ({ bits, range }) => ({ kind: "constant", value: 1 / density(range, bits) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (x, { bits, range }) => {
    const d = density(range, bits);
    return divide(roundStraightThrough(multiply(clip(x, { min: 0, max: range }), d)), d);
  },
  toCodes: (levels, { bits, range }) => roundHalfEven(multiply(levels, density(range, bits))),
  fromCodes: (codes, { bits, range }) => divide(codes, density(range, bits)),
  gradient: ({ range }) => clippedGradient(0, range),
});
