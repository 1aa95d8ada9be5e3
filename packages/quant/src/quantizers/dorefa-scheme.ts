import { bitsFrom, defineScheme } from "../define-scheme.js";
import { chooseUniformInput, uniformInputBits } from "./choose-uniform-input.js";
import { dorefaGradient } from "./dorefa-gradient.js";
import { dorefaWeight } from "./dorefa-weight.js";

/** DoReFa-Net: weights behind tanh; for inputs its formula is the uniform grid on [0, 1] (eq. 11); gradients, where asked for. */
export const dorefa = defineScheme({
  name: "dorefa",
  version: 1,
  source: 'Zhou et al., "DoReFa-Net", arXiv 1606.06160',
  bits: (slot, edge) => {
    if (slot === "weight" || slot === "gradient") return bitsFrom(1, 8);
    return slot === "input" ? uniformInputBits(edge) : [];
  },
  choose: (slot, request) => {
    if (slot === "gradient") return { quantizer: dorefaGradient, options: { bits: request.bits } };
    return slot === "weight"
      ? { quantizer: dorefaWeight, options: { bits: request.bits } }
      : chooseUniformInput(request);
  },
});
