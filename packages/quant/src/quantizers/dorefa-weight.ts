import {
  abs,
  add,
  clip,
  divide,
  max,
  maximum,
  mean,
  multiply,
  roundHalfEven,
  sign,
  stopGradient,
  subtract,
  type Tensor,
  tanh,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer, type Held } from "../define-quantizer.js";
import { straightThrough } from "../straight-through.js";
import { largestCode, oddCodes } from "./odd-codes.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

/**
 * DoReFa weights of k ≥ 2 bits: w_k = 2 · quantize_k(tanh(w) / (2 · max|tanh(w)|) + 1/2) − 1 with
 * quantize_k(r) = round(n · r) / n, n = 2^k − 1, over the whole tensor. Levels are odd multiples of 1/n. Ties go to the even
 * count, so 0 goes up. One bit: w_1 = sign(w) · mean(|w|).
 *
 * Gradient: (1 − tanh²(w)) / max|tanh(w)|, and 1 for one bit; max|tanh(w)| and mean(|w|) are statistics, and no gradient
 * flows into them.
 */
export const dorefaWeight = defineQuantizer({
  name: "dorefa-weight",
  version: 1,
  source: 'Zhou et al., "DoReFa-Net", arXiv 1606.06160, eqs. 7 to 9',
  options: z.strictObject({ bits: z.int().min(1).max(8) }),
  codes: ({ bits }) => oddCodes(bits),
  statistics: (w, { bits }): Held =>
    bits === 1 ? {} : { largest: stopGradient(maximum(max(abs(tanh(w))), SMALLEST_SCALE)) },
  scale: ({ bits }) =>
    bits === 1
      ? { kind: "statistic", compute: (w) => stopGradient(maximum(mean(abs(w)), SMALLEST_SCALE)) }
      : { kind: "constant", value: 1 / largestCode(bits) },
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (w, { bits }, scale, held) => {
    if (bits === 1) return straightThrough(multiply(sign(w), scale as Tensor), w);
    const n = largestCode(bits);
    const places = multiply(add(divide(tanh(w), multiply((held as Held).largest, 2)), 0.5), n);
    const counts = straightThrough(clip(roundHalfEven(places), { min: 0, max: n }), places);
    return divide(subtract(multiply(counts, 2), n), n);
  },
  toCodes: (levels, { bits }) => (bits === 1 ? sign(levels) : roundHalfEven(multiply(levels, largestCode(bits)))),
  fromCodes: (codes, { bits }, scale) =>
    bits === 1 ? multiply(codes, scale as Tensor) : divide(codes, largestCode(bits)),
  gradient: ({ bits }, _, { largest }) => ({
    edges: [],
    at: (w) => (bits === 1 ? 1 : (1 - Math.tanh(w) ** 2) / largest),
  }),
  whyNotIdempotent: "tanh and its largest magnitude move a level before it is rounded again",
});
