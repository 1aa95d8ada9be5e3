import { z } from "zod";
import { bitsFrom, defineScheme } from "../define-scheme.js";
import { uniformAffine } from "./uniform-affine.js";
import { granularityOf, uniformOptions } from "./uniform-options.js";

/**
 * Uniform grids with a zero point, for weights and for inputs, whatever their sign. Options: `observer` finds the range of
 * inputs, by the least squared error where it is not named, and `weightObserver` that of weights, by their extremes;
 * `granularity` is that of weights; `scale` says whether steps and zero points are trained from there on.
 */
export const affine = defineScheme({
  name: "affine",
  version: 1,
  source: "uniform grids with a zero point (Jacob et al., arXiv 1712.05877; Krishnamoorthi, arXiv 1806.08342)",
  options: z.strictObject({ ...uniformOptions, scale: z.enum(["observed", "learned"]).default("observed") }),
  bits: (slot) => (slot === "weight" || slot === "input" ? bitsFrom(1, 8) : []),
  choose: (slot, { bits }, { observer = "mean-squared-error", weightObserver = "min-max", granularity, scale }) => ({
    quantizer: uniformAffine,
    options:
      slot === "weight"
        ? { bits, scale, of: "weights", observer: weightObserver, ...granularityOf(granularity) }
        : { bits, scale, of: "activations", observer },
  }),
});
