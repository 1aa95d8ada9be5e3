import { clip, divide, multiply, roundHalfEven, roundStraightThrough } from "@lowbit/core-tensor";
import { clippedGradient, defineQuantizer } from "@lowbit/quant";
import { z } from "zod";

/** Codes run from −n to n: one of the k bits is the sign. */
const largestCode = (bits: number): number => 2 ** (bits - 1) - 1;

/**
 * WRPN weights of k ≥ 2 bits: w_k = round(n · clip(w, −1, 1)) / n with n = 2^(k−1) − 1. With k = 2 that is ternary.
 *
 * Gradient: 1 where −1 ≤ w ≤ 1 (edges included), 0 elsewhere; it follows from the operations: · n and / n cancel.
 * The paper leaves ties open; we round half to even.
 */
export const wrpnWeight = defineQuantizer({
  name: "wrpn-weight",
  version: 1,
  source: 'Mishra et al., "WRPN", arXiv 1709.01134, eq. 2',
  options: z.strictObject({ bits: z.int().min(2).max(8) }), // one bit is another formula: wrpn-weight-binary-quantizer.ts
  codes: ({ bits }) => ({ kind: bits === 2 ? "ternary" : "int", min: -largestCode(bits), max: largestCode(bits) }),
  scale: ({ bits }) => ({ kind: "constant", value: 1 / largestCode(bits) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (w, { bits }) => {
    const n = largestCode(bits);
    const clipped = clip(w, { min: -1, max: 1 }); // no gradient from outside the range
    return divide(roundStraightThrough(multiply(clipped, n)), n); // all of it through the rounding
  },
  // Divided by n here as well: 1 / n is not exact in float32, and code · (1 / n) can miss its level by a bit.
  fromCodes: (codes, { bits }) => divide(codes, largestCode(bits)),
  toCodes: (levels, { bits }) => roundHalfEven(multiply(levels, largestCode(bits))),
  gradient: () => clippedGradient(-1, 1),
});
