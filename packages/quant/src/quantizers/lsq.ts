import { clip, divide, maximum, multiply, roundHalfEven, roundStraightThrough, type Tensor } from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { scaledGradient } from "./scaled-gradient.js";
import { SMALLEST_STEP } from "./smallest-step.js";

const options = z
  .strictObject({
    bits: z.int().min(1).max(8),
    /** Codes from −2^(k−1) to 2^(k−1) − 1; from 0 to 2^k − 1 where not. */
    signed: z.boolean(),
    of: z.enum(["weights", "activations"]),
  })
  .refine(({ bits, signed }) => !signed || bits >= 2, {
    message: "2 to 8 bits where values can be negative: one bit would be {−1, 0}",
    path: ["bits"],
  });

type Options = z.output<typeof options>;

const codesOf = ({ bits, signed }: Options) =>
  signed ? { min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 } : { min: 0, max: 2 ** bits - 1 };

/**
 * Learned step size: q(v) = s · round(clip(v / s, −Q_n, Q_p)) with a step s that is trained. Ties go to the even code.
 *
 * Gradient of v: 1 where −Q_n ≤ v / s ≤ Q_p (edges included), 0 elsewhere. Of s, times g = 1 / √(N · Q_p):
 * round(v / s) − v / s inside, −Q_n below, Q_p above. s begins at 2 · mean(|v|) / √Q_p.
 */
export const lsq = defineQuantizer({
  name: "lsq",
  version: 1,
  source: 'Esser et al., "Learned step size quantization", arXiv 1902.08153, eqs. 1 to 5',
  options,
  codes: (options) => ({ kind: options.signed ? "int" : options.bits === 1 ? "binary" : "uint", ...codesOf(options) }),
  learned: (options) => ({
    step: {
      initial: (values) => {
        const mean = values.reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(1, values.length);
        return Math.max(SMALLEST_STEP, (2 * mean) / Math.sqrt(codesOf(options).max));
      },
    },
  }),
  scale: () => ({ kind: "learned", compute: ({ step }) => maximum(step, SMALLEST_STEP) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (v, options, scale) => {
    const { min, max } = codesOf(options);
    const step = scaledGradient(scale as Tensor, v, options.of, max);
    return multiply(roundStraightThrough(clip(divide(v, step), { min, max })), step);
  },
  toCodes: (levels, _, step) => roundHalfEven(divide(levels, step as Tensor)),
  fromCodes: (codes, _, step) => multiply(codes, step as Tensor),
  gradient: (options, step) => {
    const { min, max } = codesOf(options);
    return { edges: [min * step, max * step], at: (v) => (v >= min * step && v <= max * step ? 1 : 0) };
  },
});
