import { defineScheme } from "../define-scheme.js";
import { chooseUniformInput, uniformInputBits } from "./choose-uniform-input.js";
import { ternaryWeight } from "./ternary-weight.js";

/** Ternary weight networks: two bits for weights, with one threshold and one scale a layer; the uniform grid for inputs. */
export const twn = defineScheme({
  name: "twn",
  version: 1,
  source: 'Li and Liu, "Ternary weight networks", arXiv 1605.04711',
  bits: (slot, edge) => {
    if (slot === "weight") return [2];
    return slot === "input" ? uniformInputBits(edge) : [];
  },
  choose: (slot, request) =>
    slot === "weight" ? { quantizer: ternaryWeight, options: {} } : chooseUniformInput(request),
});
