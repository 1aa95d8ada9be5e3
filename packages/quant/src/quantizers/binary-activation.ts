import { abs, averagePool2d, mean, sign } from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { straightThrough } from "../straight-through.js";
import { pseudoGradient, signCarrier, signGradient } from "./pseudo-gradient.js";

/**
 * Binary activations: sign(a), −1 or +1, with sign(0) = +1. It takes the place of ReLU, behind which every sign would be +1.
 *
 * Scale "per-position": the layer's output is multiplied by K, the mean of |a| over the channels and the window of each output
 * position, padding counted as 0: y ≈ (sign(a) ∗ w) · K.
 *
 * Gradient: the pseudo-gradient of sign at a; K has its own, which follows from the operations.
 */
export const binaryActivation = defineQuantizer({
  name: "binary-activation",
  version: 1,
  source: 'Rastegari et al., "XNOR-Net", arXiv 1603.05279, section 3.2; Hubara et al., arXiv 1602.02830, eqs. 1 and 4',
  options: z.strictObject({
    gradient: pseudoGradient.default("clipped-identity"),
    scale: z.literal("per-position").optional(),
  }),
  codes: () => ({ kind: "bipolar", min: -1, max: 1 }),
  scale: () => ({ kind: "constant", value: 1 }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (a, { gradient }) => straightThrough(sign(a), signCarrier(a, gradient)),
  toCodes: (levels) => sign(levels),
  fromCodes: (codes) => codes,
  outputScale: (a, { scale }, window) => {
    if (scale === undefined) return undefined;
    const magnitude = mean(abs(a), { axes: [1], keepDims: true });
    return window ? averagePool2d(magnitude, { ...window, countPadding: true }) : magnitude;
  },
  gradient: ({ gradient }) => signGradient(gradient),
});
