import {
  abs,
  clip,
  divide,
  max,
  maximum,
  multiply,
  roundHalfEven,
  roundStraightThrough,
  stopGradient,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { clippedGradient, defineQuantizer } from "../define-quantizer.js";
import { observerOption } from "../observers/create-observer.js";
import { observedStep } from "./observed-step.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

const options = z
  .strictObject({
    bits: z.int().min(2).max(8),
    /** Levels reach from −range to range; "max-abs" is the largest magnitude among the values. */
    range: z.union([z.literal("max-abs"), z.number().min(1e-6).max(1e6)]).default("max-abs"),
    granularity: z.enum(["per-tensor", "per-channel"]).default("per-tensor"),
    /** The axis of the channels. */
    axis: z.int().min(0).max(7).default(0),
    /** Observes the first values, and the range stays: "percentile:99.9"; that of "moving-average" follows in training. */
    observer: observerOption.optional(),
  })
  .refine(({ range, observer }) => range === "max-abs" || observer === undefined, {
    message: "no observer where the range is a number",
    path: ["observer"],
  })
  .refine(({ range, granularity }) => range === "max-abs" || granularity === "per-tensor", {
    message: '"per-tensor" where the range is a number: there is one for all channels',
    path: ["granularity"],
  });

/** One of the k bits is the sign. */
const largestCode = (bits: number): number => 2 ** (bits - 1) - 1;

/** Codes to the unit where the range is a number: n itself where it is 1, so that ties of the printed grid stay ties. */
const density = (range: number, bits: number): number => Math.fround(largestCode(bits) / range);

/** The largest magnitude, of all values or of each slice along `axis`; [1, …, 1] or [1, …, M, …, 1]. */
function largestMagnitude(values: Tensor, axis: number | undefined): Tensor {
  const axes = values.shape.map((_, each) => each).filter((each) => each !== axis);
  return maximum(max(abs(values), { axes, keepDims: true }), SMALLEST_SCALE);
}

/**
 * Signed whole numbers of k bits on a grid symmetric about 0, with n = 2^(k−1) − 1. Ties go to the even code.
 *
 * Range a number: q(x) = round(d · clip(x, −range, range)) / d with d = n / range, rounded to float32. Gradient: 1 inside
 * the range (edges included), 0 outside.
 * Range "max-abs": q(x) = s · clip(round(x / s), −n, n) with s = max(|x|) / n, of the tensor or of each channel; the
 * gradient does not see s. Nothing is outside then, so the gradient is 1; for values that s was not made of, 1 where
 * |round(x / s)| ≤ n, 0 elsewhere. So too with an observer, but that s is the step that it found for the first values,
 * or that a moving average of largest magnitudes has come to in training.
 */
export const uniformSymmetric = defineQuantizer({
  name: "uniform-symmetric",
  version: 1,
  source: "uniform grid, symmetric about 0 (Krishnamoorthi, arXiv 1806.08342, section 2.3)",
  options,
  codes: ({ bits }) => ({ kind: "int", min: -largestCode(bits), max: largestCode(bits) }),
  learned: ({ bits, observer, granularity, axis }) => {
    if (observer === undefined) return {};
    const reachOf = (values: Tensor) =>
      granularity === "per-channel" ? largestMagnitude(values, axis) : max(abs(values));
    return observedStep(observer, { levels: 2 * largestCode(bits) + 1, anchor: "symmetric" }, (values) =>
      divide(reachOf(values), largestCode(bits)),
    );
  },
  scale: ({ bits, range, granularity, axis, observer }) => {
    if (observer !== undefined) return { kind: "learned", compute: ({ step }) => step };
    return range === "max-abs"
      ? {
          kind: "statistic",
          compute: (values) =>
            stopGradient(
              divide(largestMagnitude(values, granularity === "per-channel" ? axis : undefined), largestCode(bits)),
            ),
        }
      : { kind: "constant", value: 1 / density(range, bits) };
  },
  granularity: ({ granularity, axis }) =>
    granularity === "per-channel" ? { kind: "per-channel", axis } : { kind: "per-tensor" },
  fakeQuantize: (x, { bits, range }, scale) => {
    const n = largestCode(bits);
    if (range !== "max-abs") {
      const d = density(range, bits);
      return divide(roundStraightThrough(multiply(clip(x, { min: -range, max: range }), d)), d);
    }
    const s = scale as Tensor;
    return multiply(clip(roundStraightThrough(divide(x, s)), { min: -n, max: n }), s);
  },
  toCodes: (levels, { bits, range }, scale) =>
    roundHalfEven(range === "max-abs" ? divide(levels, scale as Tensor) : multiply(levels, density(range, bits))),
  fromCodes: (codes, { bits, range }, scale) =>
    range === "max-abs" ? multiply(codes, scale as Tensor) : divide(codes, density(range, bits)),
  gradient: ({ bits, range }, scale) => {
    if (range !== "max-abs") return clippedGradient(-range, range);
    const edge = (largestCode(bits) + 0.5) * scale; // n is odd: halfway goes up, to n + 1
    return { edges: [-edge, edge], at: (value) => (Math.abs(value) < edge ? 1 : 0) };
  },
});
