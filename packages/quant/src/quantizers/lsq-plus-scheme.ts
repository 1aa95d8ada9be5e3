import { bitsFrom, defineScheme } from "../define-scheme.js";
import { lsq } from "./lsq.js";
import { lsqPlus } from "./lsq-plus.js";

/** LSQ+: weights as LSQ has them, and a learned step and offset for inputs, whatever their sign. */
export const lsqPlusScheme = defineScheme({
  name: "lsq-plus",
  version: 1,
  source: 'Bhalgat et al., "LSQ+", arXiv 2004.09576',
  bits: (slot) => {
    if (slot === "weight") return bitsFrom(2, 8);
    return slot === "input" ? bitsFrom(1, 8) : [];
  },
  choose: (slot, { bits }) =>
    slot === "weight"
      ? { quantizer: lsq, options: { bits, signed: true, of: "weights" } }
      : { quantizer: lsqPlus, options: { bits } },
});
