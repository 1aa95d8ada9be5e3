import { clip, constantOf, divide, multiply, roundHalfEven, roundStraightThrough } from "@lowbit/core-tensor";
import { z } from "zod";
import { clippedGradient, defineQuantizer } from "../define-quantizer.js";

const largestCode = (bits: number): number => 2 ** bits - 1;

/** In float32, the same number for fake quantization, for codes and for the epilogue of an integer kernel. */
const step = (range: number, bits: number): number => Math.fround(range / largestCode(bits));

/**
 * Whole numbers of k bits from 0: q(x) = s · round(clip(x, 0, range) / s) with s = range / (2^k − 1), rounded to float32.
 * Ties go to the even code. One bit gives {0, range}.
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
  scale: ({ bits, range }) => ({ kind: "constant", value: step(range, bits) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (x, { bits, range }) => {
    const s = constantOf(step(range, bits));
    return multiply(roundStraightThrough(divide(clip(x, { min: 0, max: range }), s)), s);
  },
  toCodes: (levels, { bits, range }) => roundHalfEven(divide(levels, step(range, bits))),
  fromCodes: (codes, { bits, range }) => multiply(codes, step(range, bits)),
  gradient: ({ range }) => clippedGradient(0, range),
});
