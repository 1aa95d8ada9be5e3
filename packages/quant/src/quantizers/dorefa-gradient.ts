import {
  abs,
  add,
  clip,
  divide,
  max,
  maximum,
  multiply,
  roundHalfEven,
  sign,
  stopGradient,
  subtract,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { straightThrough } from "../straight-through.js";
import { largestCode, oddCodes } from "./odd-codes.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

/**
 * DoReFa gradients dr [N, …]: 2 · m · (quantize_k(dr / (2m) + 1/2) − 1/2) with m = max|dr| of each sample (axis 0) and
 * quantize_k(r) = round(n · r) / n, n = 2^k − 1. Levels are odd multiples of m / n. Ties go to the even count; at one bit
 * the sign of 0 is +.
 *
 * The paper's noise N(k) = σ / n, σ uniform in ±1/2, which rounds stochastically, is added to dr by the slot `gradient`: it
 * is the distance of two levels, 2m / n, times σ. So the mean of all that could come out is dr.
 */
export const dorefaGradient = defineQuantizer({
  name: "dorefa-gradient",
  version: 1,
  source: 'Zhou et al., "DoReFa-Net", arXiv 1606.06160, eq. 12',
  options: z.strictObject({ bits: z.int().min(1).max(8) }),
  codes: ({ bits }) => oddCodes(bits),
  scale: ({ bits }) => ({
    kind: "statistic",
    compute: (dr) => {
      const largest = max(abs(dr), { axes: dr.shape.map((_, axis) => axis).slice(1), keepDims: true });
      return stopGradient(divide(maximum(largest, SMALLEST_SCALE), largestCode(bits)));
    },
  }),
  granularity: () => ({ kind: "per-channel", axis: 0 }),
  fakeQuantize: (dr, { bits }, scale) => {
    if (bits === 1) return straightThrough(multiply(sign(dr), scale as Tensor), dr);
    const n = largestCode(bits);
    const places = multiply(add(divide(dr, scale as Tensor), n), 0.5);
    const counts = clip(roundHalfEven(places), { min: 0, max: n });
    return straightThrough(multiply(subtract(multiply(counts, 2), n), scale as Tensor), dr);
  },
  toCodes: (levels, { bits }, scale) => (bits === 1 ? sign(levels) : roundHalfEven(divide(levels, scale as Tensor))),
  fromCodes: (codes, _, scale) => multiply(codes, scale as Tensor),
  gradient: () => ({ edges: [], at: () => 1 }),
});
