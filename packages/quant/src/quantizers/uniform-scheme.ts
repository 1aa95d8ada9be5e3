import { bitsFrom, defineScheme } from "../define-scheme.js";
import { chooseUniformInput, uniformInputBits } from "./choose-uniform-input.js";
import { uniformSymmetric } from "./uniform-symmetric.js";

/**
 * The plain choice: weights on a symmetric grid up to the largest magnitude of each output channel, activations on [0, 1],
 * or on [−1, 1] where they can be negative.
 */
export const uniform = defineScheme({
  name: "uniform",
  version: 1,
  source: "uniform grids (Krishnamoorthi, arXiv 1806.08342)",
  bits: (slot, edge) => {
    if (slot === "weight") return bitsFrom(2, 8);
    return slot === "input" ? uniformInputBits(edge) : [];
  },
  choose: (slot, request) =>
    slot === "weight"
      ? { quantizer: uniformSymmetric, options: { bits: request.bits, granularity: "per-channel" } }
      : chooseUniformInput(request),
});
