import { z } from "zod";
import { defineScheme } from "../define-scheme.js";
import { binaryActivation } from "./binary-activation.js";
import { binaryWeight } from "./binary-weight.js";
import { pseudoGradient } from "./pseudo-gradient.js";

/**
 * Binary networks: signs for weights, with a scale for each output channel, and for inputs. Options: `activationScale`
 * "per-position" multiplies each position of the output by the paper's K; where absent batch norm behind the layer takes its
 * place (Bulat and Tzimiropoulos, arXiv 1909.13863). `gradient` is the pseudo-gradient of inputs.
 */
export const xnor = defineScheme({
  name: "xnor",
  version: 1,
  source: 'Rastegari et al., "XNOR-Net", arXiv 1603.05279, section 3.2; the scale of each input position is an option',
  options: z.strictObject({
    activationScale: z.literal("per-position").optional(),
    gradient: pseudoGradient.optional(),
  }),
  bits: (slot) => (slot === "weight" || slot === "input" ? [1] : []),
  choose: (slot, _, { activationScale, gradient }) =>
    slot === "weight"
      ? { quantizer: binaryWeight, options: {} }
      : { quantizer: binaryActivation, options: { gradient, ...(activationScale && { scale: activationScale }) } },
});
