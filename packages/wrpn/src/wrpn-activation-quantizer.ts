import { clip, divide, multiply, roundHalfEven, roundStraightThrough } from "@lowbit/core-tensor";
import { clippedGradient, defineQuantizer } from "@lowbit/quant";
import { z } from "zod";

const largestCode = (bits: number): number => 2 ** bits - 1;

/**
 * WRPN activations of k bits: a_k = round(n · clip(a, 0, 1)) / n with n = 2^k − 1. One bit gives {0, 1}, not ±1. The clip
 * takes the place of ReLU.
 *
 * Gradient: 1 where 0 ≤ a ≤ 1 (edges included), 0 elsewhere. Ties go to the even code.
 */
export const wrpnActivation = defineQuantizer({
  name: "wrpn-activation",
  version: 1,
  source: 'Mishra et al., "WRPN", arXiv 1709.01134, eq. 2',
  options: z.strictObject({ bits: z.int().min(1).max(8) }),
  codes: ({ bits }) => ({ kind: bits === 1 ? "binary" : "uint", min: 0, max: largestCode(bits) }),
  scale: ({ bits }) => ({ kind: "constant", value: 1 / largestCode(bits) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (a, { bits }) => {
    const n = largestCode(bits);
    return divide(roundStraightThrough(multiply(clip(a, { min: 0, max: 1 }), n)), n);
  },
  fromCodes: (codes, { bits }) => divide(codes, largestCode(bits)),
  toCodes: (levels, { bits }) => roundHalfEven(multiply(levels, largestCode(bits))),
  gradient: () => clippedGradient(0, 1),
});
