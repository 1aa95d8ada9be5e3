import type { QuantizerPlugin } from "@lowbit/quant";
import { wrpnActivation } from "./wrpn-activation-quantizer.js";
import { wrpnActivationSigned } from "./wrpn-activation-signed-quantizer.js";
import { wrpn } from "./wrpn-scheme.js";
import { wrpnWeightBinary } from "./wrpn-weight-binary-quantizer.js";
import { wrpnWeight } from "./wrpn-weight-quantizer.js";

/** All that this package offers to `createRegistry`. */
export const plugin: QuantizerPlugin = {
  package: "@lowbit/wrpn",
  quantizers: [wrpnWeight, wrpnWeightBinary, wrpnActivation, wrpnActivationSigned],
  schemes: [wrpn],
};
