import { defineScheme } from "../define-scheme.js";
import { binaryWeight } from "./binary-weight.js";
import { chooseUniformInput, uniformInputBits } from "./choose-uniform-input.js";

/** Binary weight networks: one bit for weights, with a scale for each output channel; the uniform grid for inputs. */
export const bwn = defineScheme({
  name: "bwn",
  version: 1,
  source: 'Rastegari et al., "XNOR-Net", arXiv 1603.05279, section 3.1',
  bits: (slot, edge) => {
    if (slot === "weight") return [1];
    return slot === "input" ? uniformInputBits(edge) : [];
  },
  choose: (slot, request) =>
    slot === "weight" ? { quantizer: binaryWeight, options: {} } : chooseUniformInput(request),
});
