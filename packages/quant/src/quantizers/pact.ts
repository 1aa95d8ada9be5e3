import {
  clip,
  divide,
  greaterEqual,
  less,
  maximum,
  multiply,
  roundHalfEven,
  select,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer, type Held } from "../define-quantizer.js";
import { meanSquaredErrorRange } from "../observers/mean-squared-error-range.js";
import { straightThrough } from "../straight-through.js";
import { SMALLEST_STEP } from "./smallest-step.js";

const options = z
  .strictObject({
    bits: z.int().min(1).max(8),
    /** From −α to α, as the paper does not have it; from 0 to α where not. */
    signed: z.boolean().default(false),
  })
  .refine(({ bits, signed }) => !signed || bits >= 2, {
    message: "2 to 8 bits where values can be negative: one of them is the sign",
    path: ["bits"],
  });

type Options = z.output<typeof options>;

const largestCode = ({ bits, signed }: Options): number => 2 ** (signed ? bits - 1 : bits) - 1;

/**
 * PACT, activations clipped at a level that is trained: y = clip(x, 0, α), y_q = round(y · n / α) · α / n with n = 2^k − 1.
 * Where values can be negative, from −α with n = 2^(k−1) − 1. Ties go to the even code.
 *
 * Gradient of x: 1 where 0 ≤ x < α, 0 elsewhere. Of α: 1 where x ≥ α, 0 elsewhere (−1 where x < −α in the signed form).
 * α decays with the weights, as the paper regularises it, and begins at the clip of the least squared error.
 */
export const pact = defineQuantizer({
  name: "pact",
  version: 1,
  source: 'Choi et al., "PACT", arXiv 1805.06085, eqs. 1 to 3',
  options,
  codes: (options) => {
    const n = largestCode(options);
    if (options.signed) return { kind: "int", min: -n, max: n };
    return { kind: options.bits === 1 ? "binary" : "uint", min: 0, max: n };
  },
  learned: (options) => ({
    alpha: {
      decays: true,
      initial: (values) => {
        const levels = largestCode(options) * (options.signed ? 2 : 1) + 1;
        const anchor = options.signed ? "symmetric" : "zero";
        return Math.max(SMALLEST_STEP, meanSquaredErrorRange(values, { levels, anchor }).max);
      },
    },
  }),
  scale: (options) => ({
    kind: "learned",
    compute: ({ alpha }) => divide(maximum(alpha, SMALLEST_STEP), largestCode(options)),
  }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (x, options, scale, held) => {
    const [n, step] = [largestCode(options), scale as Tensor];
    const alpha = maximum((held as Held).alpha, SMALLEST_STEP);
    const floor = options.signed ? multiply(alpha, -1) : 0;
    const codes = clip(roundHalfEven(divide(x, step)), { min: options.signed ? -n : 0, max: n });
    const clipped = select(greaterEqual(x, alpha), alpha, select(less(x, floor), floor, x));
    return straightThrough(multiply(codes, step), clipped);
  },
  toCodes: (levels, _, step) => roundHalfEven(divide(levels, step as Tensor)),
  fromCodes: (codes, _, step) => multiply(codes, step as Tensor),
  gradient: ({ signed }, _, { alpha }) => ({
    edges: [signed ? -alpha : 0, alpha],
    at: (x) => (x >= (signed ? -alpha : 0) && x < alpha ? 1 : 0),
  }),
});
