import {
  abs,
  clip,
  constantOf,
  divide,
  greater,
  max,
  multiply,
  reshape,
  roundHalfEven,
  roundStraightThrough,
  select,
  stopGradient,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { axesWithin, granularityOf, weightGranularity } from "./channel-axes.js";

const largestCode = (bits: number): number => 2 ** (bits - 1) - 1;

/** Steps from 2⁻²⁴ to 2²³. */
const [SMALLEST, STEPS] = [-24, 47];
const edges = Float32Array.from({ length: STEPS }, (_, i) => 2 ** (SMALLEST + i));

/** The smallest power of two that is not below x [], or [M, 1, …]: found by comparing, so exact on every backend. */
function powerOfTwoFrom(x: Tensor): Tensor {
  const rows = reshape(x, { shape: [-1, 1] });
  const below = constantOf({ dtype: "f32", shape: [1, STEPS], data: edges });
  const next = constantOf({ dtype: "f32", shape: [1, STEPS], data: edges.map((edge) => 2 * edge) });
  const powers = select(greater(rows, below), next, 2 ** SMALLEST); // [M, STEPS]: the largest of them is the one
  return reshape(max(powers, { axes: [1] }), { shape: x.shape });
}

/**
 * Weights on a symmetric grid whose step is a power of two, so that scaling is a shift: s = 2^⌈log2(max|w| / n)⌉ with
 * n = 2^(k−1) − 1, q(w) = s · clip(round(w / s), −n, n), of each output channel (axis 0) or of the whole tensor. Ties go to
 * the even code.
 *
 * Gradient: 1 where |round(w / s)| ≤ n, which is everywhere for the weights that s was made of; it does not see s.
 */
export const powerOfTwoWeight = defineQuantizer({
  name: "power-of-two-weight",
  version: 1,
  source:
    'Jacob et al., arXiv 1712.05877, with the step of Jain et al., "Trained quantization thresholds", arXiv 1903.08066',
  options: z.strictObject({
    bits: z.int().min(2).max(8),
    granularity: weightGranularity.default("per-channel"),
  }),
  codes: ({ bits }) => ({ kind: "int", min: -largestCode(bits), max: largestCode(bits) }),
  scale: ({ bits, granularity }) => ({
    kind: "statistic",
    compute: (w) => {
      const largest = max(abs(w), { axes: axesWithin(w, granularity), keepDims: true });
      return stopGradient(powerOfTwoFrom(divide(largest, largestCode(bits))));
    },
  }),
  granularity: ({ granularity }) => granularityOf(granularity),
  fakeQuantize: (w, { bits }, scale) => {
    const n = largestCode(bits);
    return multiply(clip(roundStraightThrough(divide(w, scale as Tensor)), { min: -n, max: n }), scale as Tensor);
  },
  toCodes: (levels, _, scale) => roundHalfEven(divide(levels, scale as Tensor)),
  fromCodes: (codes, _, scale) => multiply(codes, scale as Tensor),
  gradient: ({ bits }, scale) => {
    const edge = (largestCode(bits) + 0.5) * scale; // n is odd: halfway goes up, to n + 1
    return { edges: [-edge, edge], at: (w) => (Math.abs(w) < edge ? 1 : 0) };
  },
});
