import { clip, divide, multiply, roundHalfEven, roundStraightThrough, sign } from "@lowbit/core-tensor";
import { clippedGradient, defineQuantizer, straightThrough } from "@lowbit/quant";
import { z } from "zod";

/** Codes run from −n to n, as those of weights; one bit has only the two ends. */
const largestCode = (bits: number): number => (bits === 1 ? 1 : 2 ** (bits - 1) - 1);

/**
 * WRPN activations of k bits that can be negative: the grid of the weights, a_k = round(n · clip(a, −1, 1)) / n with
 * n = 2^(k−1) − 1. One bit has no such grid: there a_1 = sign(a), −1 or +1, with sign(0) = +1. The paper knows only
 * activations behind a ReLU; both forms are ours.
 *
 * Gradient: 1 where −1 ≤ a ≤ 1 (edges included), 0 elsewhere. Ties go to the even code.
 */
export const wrpnActivationSigned = defineQuantizer({
  name: "wrpn-activation-signed",
  version: 1,
  source: 'after Mishra et al., "WRPN", arXiv 1709.01134, eq. 2, the grid of the weights',
  options: z.strictObject({ bits: z.int().min(1).max(8) }),
  codes: ({ bits }) => {
    const kind = bits === 1 ? "bipolar" : bits === 2 ? "ternary" : "int";
    return { kind, min: -largestCode(bits), max: largestCode(bits) };
  },
  scale: ({ bits }) => ({ kind: "constant", value: 1 / largestCode(bits) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (a, { bits }) => {
    const clipped = clip(a, { min: -1, max: 1 });
    if (bits === 1) return straightThrough(sign(a), clipped);
    const n = largestCode(bits);
    return divide(roundStraightThrough(multiply(clipped, n)), n);
  },
  fromCodes: (codes, { bits }) => divide(codes, largestCode(bits)),
  toCodes: (levels, { bits }) => (bits === 1 ? sign(levels) : roundHalfEven(multiply(levels, largestCode(bits)))),
  gradient: () => clippedGradient(-1, 1),
});
