import { bitsFrom, defineScheme } from "../define-scheme.js";
import { lsq } from "./lsq.js";

/** LSQ: a learned step for the weights of each layer, and one for its inputs. */
export const lsqScheme = defineScheme({
  name: "lsq",
  version: 1,
  source: 'Esser et al., "Learned step size quantization", arXiv 1902.08153',
  bits: (slot, { signed }) => {
    if (slot === "weight") return bitsFrom(2, 8);
    return slot === "input" ? bitsFrom(signed ? 2 : 1, 8) : [];
  },
  choose: (slot, { bits, signed }) =>
    slot === "weight"
      ? { quantizer: lsq, options: { bits, signed: true, of: "weights" } }
      : { quantizer: lsq, options: { bits, signed, of: "activations" } },
});
