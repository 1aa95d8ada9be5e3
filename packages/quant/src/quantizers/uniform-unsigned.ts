import { clip, divide, max, multiply, roundHalfEven, roundStraightThrough, type Tensor } from "@lowbit/core-tensor";
import { z } from "zod";
import { clippedGradient, defineQuantizer } from "../define-quantizer.js";
import { observerOption } from "../observers/create-observer.js";
import { observedStep } from "./observed-step.js";

const largestCode = (bits: number): number => 2 ** bits - 1;

/** Codes to the unit: n itself where the range is 1, so that ties of the printed grid stay ties. */
const density = (range: number, bits: number): number => Math.fround(largestCode(bits) / range);

/**
 * Whole numbers of k bits from 0: q(x) = round(d · clip(x, 0, range)) / d with d = (2^k − 1) / range, rounded to
 * float32. Ties go to the even code. One bit gives {0, range}. With an observer: q(x) = s · round(clip(x / s, 0, 2^k − 1)) with
 * the step s that it found for the first values; a moving average follows the batches of training from there on.
 *
 * Gradient: 1 where 0 ≤ x ≤ range, or (2^k − 1) · s (edges included), 0 outside.
 */
export const uniformUnsigned = defineQuantizer({
  name: "uniform-unsigned",
  version: 1,
  source: "uniform grid from 0 (Krishnamoorthi, arXiv 1806.08342, section 2.1, zero point 0)",
  options: z
    .strictObject({
      bits: z.int().min(1).max(8),
      range: z.number().min(1e-6).max(1e6).default(1),
      /** Observes the first values, and the range stays: "percentile:99.9"; that of "moving-average" follows in training. */
      observer: observerOption.optional(),
    })
    .refine(({ range, observer }) => range === 1 || observer === undefined, {
      message: "no observer where the range is given",
      path: ["observer"],
    }),
  codes: ({ bits }) => ({ kind: bits === 1 ? "binary" : "uint", min: 0, max: largestCode(bits) }),
  learned: ({ bits, observer }) =>
    observer === undefined
      ? {}
      : observedStep(observer, { levels: largestCode(bits) + 1, anchor: "zero" }, (x) =>
          divide(max(x), largestCode(bits)),
        ),
  scale: ({ bits, range, observer }) =>
    observer === undefined
      ? { kind: "constant", value: 1 / density(range, bits) }
      : { kind: "learned", compute: ({ step }) => step },
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (x, { bits, range, observer }, scale) => {
    if (observer !== undefined) {
      const step = scale as Tensor;
      return multiply(roundStraightThrough(clip(divide(x, step), { min: 0, max: largestCode(bits) })), step);
    }
    const d = density(range, bits);
    return divide(roundStraightThrough(multiply(clip(x, { min: 0, max: range }), d)), d);
  },
  toCodes: (levels, { bits, range, observer }, scale) =>
    roundHalfEven(observer === undefined ? multiply(levels, density(range, bits)) : divide(levels, scale as Tensor)),
  fromCodes: (codes, { bits, range, observer }, scale) =>
    observer === undefined ? divide(codes, density(range, bits)) : multiply(codes, scale as Tensor),
  gradient: ({ bits, range, observer }, scale) =>
    clippedGradient(0, observer === undefined ? range : largestCode(bits) * scale),
});
