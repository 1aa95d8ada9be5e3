import { defineScheme } from "../define-scheme.js";
import { chooseUniformInput, uniformInputBits } from "./choose-uniform-input.js";
import { ttq } from "./ttq.js";

/** Trained ternary quantization: two bits for weights, with two learned magnitudes a layer; the uniform grid for inputs. */
export const ttqScheme = defineScheme({
  name: "ttq",
  version: 1,
  source: 'Zhu et al., "Trained ternary quantization", arXiv 1612.01064',
  bits: (slot, edge) => {
    if (slot === "weight") return [2];
    return slot === "input" ? uniformInputBits(edge) : [];
  },
  choose: (slot, request) => (slot === "weight" ? { quantizer: ttq, options: {} } : chooseUniformInput(request)),
});
