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
import { defineQuantizer } from "../define-quantizer.js";
import { observerOption } from "../observers/create-observer.js";
import { inGroups, listGroups, outOfGroups } from "./channel-groups.js";
import { observedStep } from "./observed-step.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

const largestCode = (bits: number): number => 2 ** (bits - 1) - 1;
/** Levels to codes or back: `change` with the scale of each group. */
const throughGroups = (x: Tensor, size: number, scale: Tensor, change: (x: Tensor, scale: Tensor) => Tensor): Tensor =>
  outOfGroups(change(inGroups(x, size), scale), x);

/** The largest magnitude of each group, [M, G, 1, …]. */
function largestOfGroups(w: Tensor, size: number): Tensor {
  const axes = w.shape.map((_, axis) => axis + 1).slice(1); // of [M, G, size, …], all but the first two
  return max(abs(inGroups(w, size)), { axes, keepDims: true });
}

/**
 * Weights [M, C, …] on symmetric grids, one for each group of `size` input channels of each output channel:
 * q(w) = s · clip(round(w / s), −n, n), s = max|w| / n of the group, n = 2^(k−1) − 1, or the step that an observer found for the
 * first weights. Ties go to the even code. The packed network makes one sum of whole numbers for each group.
 *
 * Gradient: 1 where |round(w / s)| ≤ n, which is everywhere for the weights whose largest made s; it does not see s.
 */
export const groupWeight = defineQuantizer({
  name: "group-weight",
  version: 1,
  source: "uniform grid, symmetric about 0, a scale for each group (Dai et al., VS-Quant, arXiv 2102.04503, section 4)",
  options: z.strictObject({
    bits: z.int().min(2).max(8),
    /** Input channels that share a scale. */
    size: z.int().min(1).max(65_536),
    /** Observes the weights once, and the step stays: "percentile:99.9"; that of "moving-average" follows in training. */
    observer: observerOption.optional(),
  }),
  codes: ({ bits }) => ({ kind: "int", min: -largestCode(bits), max: largestCode(bits) }),
  learned: ({ bits, size, observer }) =>
    observer === undefined
      ? {}
      : observedStep(observer, { levels: 2 * largestCode(bits) + 1, anchor: "symmetric" }, (w) =>
          divide(largestOfGroups(w, size), largestCode(bits)),
        ),
  scale: ({ bits, size, observer }) =>
    observer === undefined
      ? {
          kind: "statistic",
          compute: (w) => stopGradient(divide(maximum(largestOfGroups(w, size), SMALLEST_SCALE), largestCode(bits))),
        }
      : { kind: "learned", compute: ({ step }) => step },
  granularity: ({ size }) => ({ kind: "per-group", size }),
  fakeQuantize: (w, { bits, size }, scale) =>
    throughGroups(w, size, scale as Tensor, (x, s) => {
      const n = largestCode(bits);
      return multiply(clip(roundStraightThrough(divide(x, s)), { min: -n, max: n }), s);
    }),
  toCodes: (levels, { size }, scale) => roundHalfEven(throughGroups(levels, size, scale as Tensor, divide)),
  fromCodes: (codes, { size }, scale) => throughGroups(codes, size, scale as Tensor, multiply),
  terms: (codes, { bits, size }, scale) => {
    const n = largestCode(bits);
    return listGroups(codes, size).map(({ channels, codesOf, own }) => ({
      codes: codesOf(codes),
      range: { kind: "int", min: -n, max: n },
      scale: own(scale as Tensor),
      channels,
    }));
  },
  gradient: ({ bits }, scale) => {
    const edge = (largestCode(bits) + 0.5) * scale; // n is odd: halfway goes up, to n + 1
    return { edges: [-edge, edge], at: (w) => (Math.abs(w) < edge ? 1 : 0) };
  },
});
