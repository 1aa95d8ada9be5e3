import {
  abs,
  add,
  cast,
  greater,
  less,
  max,
  maximum,
  multiply,
  select,
  stopGradient,
  subtract,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer, type Held } from "../define-quantizer.js";
import { scaledGradient } from "./scaled-gradient.js";
import { SMALLEST_STEP } from "./smallest-step.js";

/** Δ as a share of max |w|. */
const THRESHOLD = 0.05;

const isAbove = (x: Tensor, limit: Tensor | number): Tensor => cast(greater(x, limit), { dtype: "f32" });
const isBelow = (x: Tensor, limit: Tensor | number): Tensor => cast(less(x, limit), { dtype: "f32" });
const sidesOf = ({ positive, negative }: Held) => ({
  positive: maximum(positive, SMALLEST_STEP),
  negative: maximum(negative, SMALLEST_STEP),
});

/** Where a side begins: at the mean magnitude of its own weights beyond Δ. */
function meanBeyond(values: Float32Array, side: 1 | -1): number {
  const limit = THRESHOLD * values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const beyond = values.filter((value) => side * value > limit);
  const mean = beyond.reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(1, beyond.length);
  return Math.max(SMALLEST_STEP, mean);
}

/**
 * Trained ternary quantization: w_t = W_p where w > Δ, −W_n where w < −Δ, 0 between, with Δ = 0.05 · max|w| and two
 * magnitudes that are trained. Packed it is two sums of whole numbers: (W_p + W_n) / 2 of codes and (W_p − W_n) / 2 of |codes|.
 *
 * Gradient of w: W_p above Δ, 1 between, W_n below −Δ. Of W_p: the sum of dy above Δ; of W_n: less the sum of dy below −Δ.
 * Both follow eqs. 6 to 8; the paper's sign of the last is for a level called W_n. Δ is a statistic: no gradient flows into it.
 * The two sums are over all weights of a layer, so both are divided by √(weights), as LSQ's are. The paper has no such factor; with
 * the sums as they are and the weights' rate, networks from scratch hardly learn (docs/results/quantizers.md).
 */
export const ttq = defineQuantizer({
  name: "ttq",
  version: 2,
  source: 'Zhu et al., "Trained ternary quantization", arXiv 1612.01064, eqs. 6 to 9',
  options: z.strictObject({}),
  codes: () => ({ kind: "ternary", min: -1, max: 1 }),
  learned: () => ({
    positive: { initial: (values) => meanBeyond(values, 1) },
    negative: { initial: (values) => meanBeyond(values, -1) },
  }),
  statistics: (w) => ({ threshold: stopGradient(multiply(max(abs(w)), THRESHOLD)) }),
  scale: () => ({
    kind: "learned",
    compute: (held) => {
      const { positive, negative } = sidesOf(held);
      return multiply(add(positive, negative), 0.5);
    },
  }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (w, _, __, held) => {
    const { threshold } = held as Held;
    const sides = sidesOf(held as Held);
    const positive = scaledGradient(sides.positive, w, "weights", 1);
    const negative = scaledGradient(sides.negative, w, "weights", 1);
    const [above, below] = [isAbove(w, threshold), isBelow(w, multiply(threshold, -1))];
    const levels = subtract(multiply(above, positive), multiply(below, negative));
    const slope = stopGradient(select(above, positive, select(below, negative, 1)));
    return add(levels, multiply(subtract(w, stopGradient(w)), slope));
  },
  toCodes: (levels) => subtract(isAbove(levels, 0), isBelow(levels, 0)),
  fromCodes: (codes, _, __, held) => {
    const { positive, negative } = sidesOf(held as Held);
    return subtract(multiply(isAbove(codes, 0), positive), multiply(isBelow(codes, 0), negative));
  },
  terms: (codes, _, scale, held) => {
    const { positive, negative } = sidesOf(held);
    return [
      { codes, range: { kind: "ternary", min: -1, max: 1 }, scale: scale as Tensor },
      {
        codes: abs(codes),
        range: { kind: "binary", min: 0, max: 1 },
        scale: multiply(subtract(positive, negative), 0.5),
      },
    ];
  },
  gradient: (_, __, { threshold, positive, negative }) => ({
    edges: [-threshold, threshold],
    at: (w) => (w > threshold ? positive : w < -threshold ? negative : 1),
  }),
});
