import { bitsFrom, defineScheme } from "@lowbit/quant";
import { wrpnActivation } from "./wrpn-activation-quantizer.js";
import { wrpnActivationSigned } from "./wrpn-activation-signed-quantizer.js";
import { wrpnWeightBinary } from "./wrpn-weight-binary-quantizer.js";
import { wrpnWeight } from "./wrpn-weight-quantizer.js";

/** WRPN: mean-scaled signs at one bit and the static grid from two for weights; [0, 1] for inputs, signed where need be. */
export const wrpn = defineScheme({
  name: "wrpn",
  version: 1,
  source: 'Mishra et al., "WRPN: Wide Reduced-Precision Networks", arXiv 1709.01134',
  bits: (slot) => (slot === "weight" || slot === "input" ? bitsFrom(1, 8) : []),
  choose: (slot, { bits, signed }) => {
    if (slot === "input") return { quantizer: signed ? wrpnActivationSigned : wrpnActivation, options: { bits } };
    return bits === 1 ? { quantizer: wrpnWeightBinary, options: {} } : { quantizer: wrpnWeight, options: { bits } };
  },
});
