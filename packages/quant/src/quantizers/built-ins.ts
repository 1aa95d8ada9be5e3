import type { QuantizerPlugin } from "../registry.js";
import { affine } from "./affine-scheme.js";
import { binaryActivation } from "./binary-activation.js";
import { binaryWeight } from "./binary-weight.js";
import { bwn } from "./bwn-scheme.js";
import { dorefaGradient } from "./dorefa-gradient.js";
import { dorefa } from "./dorefa-scheme.js";
import { dorefaWeight } from "./dorefa-weight.js";
import { groupWeight } from "./group-weight.js";
import { lsq } from "./lsq.js";
import { lsqPlus } from "./lsq-plus.js";
import { lsqPlusScheme } from "./lsq-plus-scheme.js";
import { lsqScheme } from "./lsq-scheme.js";
import { pact } from "./pact.js";
import { pactScheme } from "./pact-scheme.js";
import { powerOfTwoWeight } from "./power-of-two.js";
import { ternaryWeight } from "./ternary-weight.js";
import { ttq } from "./ttq.js";
import { ttqScheme } from "./ttq-scheme.js";
import { twn } from "./twn-scheme.js";
import { uniformAffine } from "./uniform-affine.js";
import { uniform } from "./uniform-scheme.js";
import { uniformSymmetric } from "./uniform-symmetric.js";
import { uniformUnsigned } from "./uniform-unsigned.js";
import { xnor } from "./xnor-scheme.js";

/** The quantizers and schemes of this package, for `createRegistry`. */
export const builtIns: QuantizerPlugin = {
  package: "@lowbit/quant",
  quantizers: [
    uniformSymmetric,
    uniformUnsigned,
    uniformAffine,
    ternaryWeight,
    binaryWeight,
    binaryActivation,
    dorefaWeight,
    dorefaGradient,
    lsq,
    lsqPlus,
    pact,
    ttq,
    powerOfTwoWeight,
    groupWeight,
  ],
  schemes: [uniform, affine, twn, bwn, xnor, dorefa, ttqScheme, pactScheme, lsqScheme, lsqPlusScheme],
};
