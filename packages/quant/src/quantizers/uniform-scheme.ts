import { bitsFrom, defineScheme } from "../define-scheme.js";
import { uniformSymmetric } from "./uniform-symmetric.js";
import { uniformUnsigned } from "./uniform-unsigned.js";

/**
 * The plain choice: weights on a symmetric grid up to the largest magnitude of each output channel, activations on [0, 1],
 * or on [−1, 1] where they can be negative.
 */
export const uniform = defineScheme({
  name: "uniform",
  version: 1,
  source: "uniform grids (Krishnamoorthi, arXiv 1806.08342)",
  bits: (slot, { signed }) => {
    if (slot === "weight") return bitsFrom(2, 8);
    return slot === "input" ? bitsFrom(signed ? 2 : 1, 8) : [];
  },
  choose: (slot, { bits, signed }) => {
    if (slot === "weight") return { quantizer: uniformSymmetric, options: { bits, granularity: "per-channel" } };
    if (signed) return { quantizer: uniformSymmetric, options: { bits, range: 1 } };
    return { quantizer: uniformUnsigned, options: { bits } };
  },
});
