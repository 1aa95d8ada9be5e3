import { bitsFrom, defineScheme } from "../define-scheme.js";
import { dorefaWeight } from "./dorefa-weight.js";
import { pact } from "./pact.js";

/** PACT: inputs clipped at a learned level, and DoReFa's weights, as the paper pairs them. */
export const pactScheme = defineScheme({
  name: "pact",
  version: 1,
  source: 'Choi et al., "PACT", arXiv 1805.06085',
  bits: (slot, { signed }) => {
    if (slot === "weight") return bitsFrom(1, 8);
    return slot === "input" ? bitsFrom(signed ? 2 : 1, 8) : [];
  },
  choose: (slot, { bits, signed }) =>
    slot === "weight" ? { quantizer: dorefaWeight, options: { bits } } : { quantizer: pact, options: { bits, signed } },
});
