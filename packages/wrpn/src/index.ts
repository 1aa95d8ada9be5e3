export { plugin } from "./plugin.js";
export { wrpnActivation } from "./wrpn-activation-quantizer.js";
export { wrpnActivationSigned } from "./wrpn-activation-signed-quantizer.js";
export { wrpn } from "./wrpn-scheme.js";
export { wrpnWeightBinary } from "./wrpn-weight-binary-quantizer.js";
export { wrpnWeight } from "./wrpn-weight-quantizer.js";
