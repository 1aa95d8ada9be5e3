import { abs, maximum, mean, multiply, sign, type Tensor } from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { straightThrough } from "../straight-through.js";
import { axesWithin, granularityOf, weightGranularity } from "./channel-axes.js";
import { pseudoGradient, signCarrier, signGradient } from "./pseudo-gradient.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

/**
 * Binary weights: w_b = α · sign(w) with α = mean(|w|) of each output channel (axis 0), as the paper has it, or of the whole
 * tensor. sign(0) = +1.
 *
 * Gradient: α times the pseudo-gradient of sign at w, and, as α is made of the weights, sign(w_i) / n · Σ_j dy_j · sign(w_j)
 * beside it; both follow from the operations. The paper's 1/n is the second where j = i alone.
 */
export const binaryWeight = defineQuantizer({
  name: "binary-weight",
  version: 1,
  source: 'Rastegari et al., "XNOR-Net", arXiv 1603.05279, eqs. 6 and 10',
  options: z.strictObject({
    granularity: weightGranularity.default("per-channel"),
    gradient: pseudoGradient.default("clipped-identity"),
  }),
  codes: () => ({ kind: "bipolar", min: -1, max: 1 }),
  scale: ({ granularity }) => ({
    kind: "statistic",
    compute: (w) => maximum(mean(abs(w), { axes: axesWithin(w, granularity), keepDims: true }), SMALLEST_SCALE),
  }),
  granularity: ({ granularity }) => granularityOf(granularity),
  fakeQuantize: (w, { gradient }, alpha) =>
    multiply(straightThrough(sign(w), signCarrier(w, gradient)), alpha as Tensor),
  toCodes: (levels) => sign(levels),
  fromCodes: (codes, _, alpha) => multiply(codes, alpha as Tensor),
  gradient: ({ gradient }, alpha) => {
    const { edges, at } = signGradient(gradient);
    return { edges, at: (w) => alpha * at(w) };
  },
});
