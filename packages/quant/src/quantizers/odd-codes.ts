import type { CodeRange } from "../define-quantizer.js";

/** The largest code n of DoReFa's k bits. */
export const largestCode = (bits: number): number => 2 ** bits - 1;

/** DoReFa's codes: the odd numbers from −n to n, 2^k levels, and no 0 among them. */
export const oddCodes = (bits: number): CodeRange => ({
  kind: "bipolar",
  min: -largestCode(bits),
  max: largestCode(bits),
});
