import { defineScheme } from "../define-scheme.js";
import { binaryActivation } from "./binary-activation.js";
import { binaryWeight } from "./binary-weight.js";

/**
 * Binary networks: signs for weights, with a scale for each output channel, and for inputs. The paper's scale of each input
 * position is left out: batch norm behind the layer takes its place (Bulat and Tzimiropoulos, arXiv 1909.13863).
 */
export const xnor = defineScheme({
  name: "xnor",
  version: 1,
  source: 'Rastegari et al., "XNOR-Net", arXiv 1603.05279, section 3.2, without the scale of each input position',
  bits: (slot) => (slot === "weight" || slot === "input" ? [1] : []),
  choose: (slot) => ({ quantizer: slot === "weight" ? binaryWeight : binaryActivation, options: {} }),
});
