import { sign } from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { straightThrough } from "../straight-through.js";
import { pseudoGradient, signCarrier, signGradient } from "./pseudo-gradient.js";

/**
 * Binary activations: sign(a), −1 or +1, with sign(0) = +1. It takes the place of ReLU, behind which every sign would be +1.
 *
 * Gradient: the pseudo-gradient of sign at a.
 */
export const binaryActivation = defineQuantizer({
  name: "binary-activation",
  version: 1,
  source: 'Rastegari et al., "XNOR-Net", arXiv 1603.05279, section 3.2; Hubara et al., arXiv 1602.02830, eqs. 1 and 4',
  options: z.strictObject({ gradient: pseudoGradient.default("clipped-identity") }),
  codes: () => ({ kind: "bipolar", min: -1, max: 1 }),
  scale: () => ({ kind: "constant", value: 1 }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (a, { gradient }) => straightThrough(sign(a), signCarrier(a, gradient)),
  toCodes: (levels) => sign(levels),
  fromCodes: (codes) => codes,
  gradient: ({ gradient }) => signGradient(gradient),
});
