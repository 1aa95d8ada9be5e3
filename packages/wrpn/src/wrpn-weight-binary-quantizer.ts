import { abs, clip, maximum, mean, multiply, sign, stopGradient, type Tensor } from "@lowbit/core-tensor";
import { clippedGradient, defineQuantizer, straightThrough } from "@lowbit/quant";
import { z } from "zod";

/** Weights that are all 0 still have a scale, so that codes and levels stay apart. */
const SMALLEST_SCALE = 2 ** -100;

/**
 * WRPN weights of one bit: w_1 = sign(w) · α with α = mean(|w|), of each output channel (axis 0) or of the whole tensor.
 * sign(0) = +1. The paper takes this form from binary weight networks and does not say which mean; per channel is the
 * default of ours.
 *
 * Gradient: 1 where −1 ≤ w ≤ 1 (edges included), 0 elsewhere; α is a statistic, and no gradient flows into it.
 */
export const wrpnWeightBinary = defineQuantizer({
  name: "wrpn-weight-binary",
  version: 1,
  source: 'Mishra et al., "WRPN", arXiv 1709.01134, section 3; Rastegari et al., arXiv 1603.05279, eq. 6',
  options: z.strictObject({ granularity: z.enum(["per-tensor", "per-channel"]).default("per-channel") }),
  codes: () => ({ kind: "bipolar", min: -1, max: 1 }),
  scale: ({ granularity }) => ({
    kind: "statistic",
    compute: (w) => {
      const axes = w.shape.map((_, axis) => axis).slice(granularity === "per-channel" ? 1 : 0);
      return stopGradient(maximum(mean(abs(w), { axes, keepDims: true }), SMALLEST_SCALE));
    },
  }),
  granularity: ({ granularity }) =>
    granularity === "per-channel" ? { kind: "per-channel", axis: 0 } : { kind: "per-tensor" },
  fakeQuantize: (w, _, alpha) => straightThrough(multiply(sign(w), alpha as Tensor), clip(w, { min: -1, max: 1 })),
  toCodes: (levels) => sign(levels),
  fromCodes: (codes, _, alpha) => multiply(codes, alpha as Tensor),
  gradient: () => clippedGradient(-1, 1),
});
