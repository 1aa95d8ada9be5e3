import type { QuantizerPlugin } from "../registry.js";
import { uniform } from "./uniform-scheme.js";
import { uniformSymmetric } from "./uniform-symmetric.js";
import { uniformUnsigned } from "./uniform-unsigned.js";

/** The quantizers and schemes of this package, for `createRegistry`. */
export const builtIns: QuantizerPlugin = {
  package: "@lowbit/quant",
  quantizers: [uniformSymmetric, uniformUnsigned],
  schemes: [uniform],
};
