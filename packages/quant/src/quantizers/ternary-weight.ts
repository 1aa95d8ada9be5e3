import {
  abs,
  cast,
  divide,
  greater,
  less,
  maximum,
  mean,
  multiply,
  roundHalfEven,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer, type Held } from "../define-quantizer.js";
import { straightThrough } from "../straight-through.js";
import { axesWithin, granularityOf, weightGranularity } from "./channel-axes.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

/** The share of mean |w| below which a weight becomes 0: best for normal weights (eq. 6 of the paper has 0.7 · E|w|). */
const THRESHOLD = 0.7;

/**
 * Ternary weights: w_t = +α where w > Δ, −α where w < −Δ, 0 between, with Δ = 0.7 · mean(|w|) and α = mean(|w|) over those
 * with |w| > Δ; of the whole tensor, as the paper has it, or of each output channel (axis 0).
 *
 * Gradient: 1 everywhere, straight through; Δ and α are statistics, and no gradient flows into them.
 */
export const ternaryWeight = defineQuantizer({
  name: "ternary-weight",
  version: 1,
  source: 'Li and Liu, "Ternary weight networks", arXiv 1605.04711, eqs. 3, 5 and 6',
  options: z.strictObject({ granularity: weightGranularity.default("per-tensor") }),
  codes: () => ({ kind: "ternary", min: -1, max: 1 }),
  statistics: (w, { granularity }) => ({
    threshold: stopGradient(multiply(mean(abs(w), { axes: axesWithin(w, granularity), keepDims: true }), THRESHOLD)),
  }),
  scale: ({ granularity }) => ({
    kind: "statistic",
    compute: (w, _, { threshold }) => {
      const options = { axes: axesWithin(w, granularity), keepDims: true };
      const magnitude = abs(w);
      const isLarge = cast(greater(magnitude, threshold), { dtype: "f32" });
      const alpha = divide(sum(multiply(magnitude, isLarge), options), maximum(sum(isLarge, options), 1));
      return stopGradient(maximum(alpha, SMALLEST_SCALE));
    },
  }),
  granularity: ({ granularity }) => granularityOf(granularity),
  fakeQuantize: (w, _, alpha, held) => {
    const { threshold } = held as Held;
    const isAbove = cast(greater(w, threshold), { dtype: "f32" });
    const isBelow = cast(less(w, multiply(threshold, -1)), { dtype: "f32" });
    return straightThrough(multiply(subtract(isAbove, isBelow), alpha as Tensor), w);
  },
  toCodes: (levels, _, alpha) => roundHalfEven(divide(levels, alpha as Tensor)),
  fromCodes: (codes, _, alpha) => multiply(codes, alpha as Tensor),
  gradient: () => ({ edges: [], at: () => 1 }),
});
