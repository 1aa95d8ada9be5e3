import { z } from "zod";
import { bitsFrom, defineScheme } from "../define-scheme.js";
import { chooseUniformInput, uniformInputBits } from "./choose-uniform-input.js";
import { groupWeight } from "./group-weight.js";
import { granularityOf, uniformOptions } from "./uniform-options.js";
import { uniformSymmetric } from "./uniform-symmetric.js";
import { uniformUnsigned } from "./uniform-unsigned.js";

/**
 * The plain choice: weights on a symmetric grid up to the largest magnitude of each output channel, activations on [0, 1],
 * or on [−1, 1] where they can be negative. Options: where an `observer` is named, activations go as far as it says, and
 * weights as far as `weightObserver` says; `granularity` is that of weights.
 */
export const uniform = defineScheme({
  name: "uniform",
  version: 1,
  source: "uniform grids (Krishnamoorthi, arXiv 1806.08342)",
  options: z.strictObject(uniformOptions),
  bits: (slot, edge) => {
    if (slot === "weight") return bitsFrom(2, 8);
    return slot === "input" ? uniformInputBits(edge) : [];
  },
  choose: (slot, { bits, signed }, { observer, weightObserver, granularity }) => {
    if (slot === "weight") {
      const { size, granularity: by } = granularityOf(granularity);
      const options = { bits, ...(weightObserver !== undefined && { observer: weightObserver }) };
      if (size !== undefined) return { quantizer: groupWeight, options: { ...options, size } };
      return { quantizer: uniformSymmetric, options: { ...options, granularity: by } };
    }
    if (observer === undefined) return chooseUniformInput({ bits, signed });
    return { quantizer: signed ? uniformSymmetric : uniformUnsigned, options: { bits, observer } };
  },
});
