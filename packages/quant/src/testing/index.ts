export type { RuleName, Violation } from "./check-quantizer.js";
export { checkQuantizer, ruleNames } from "./check-quantizer.js";
export { gradientAt } from "./gradient-at.js";
export { levelsOf, quantizeToCodes } from "./quantize-to-codes.js";
export type { QuantizerTestOptions } from "./test-quantizer.js";
export { testQuantizer } from "./test-quantizer.js";
