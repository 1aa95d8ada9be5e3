export type { CarriedState } from "./carried-state.js";
export { carryState, zeroState } from "./carried-state.js";
export type { GruCellOptions } from "./cells/gru-cell.js";
export { gruCell } from "./cells/gru-cell.js";
export type { LstmCellOptions, LstmState } from "./cells/lstm-cell.js";
export { lstmCell } from "./cells/lstm-cell.js";
export type { CellOptions, OpenCell, RecurrentCell, RecurrentState } from "./cells/recurrent-cell.js";
export type { VanillaCellOptions } from "./cells/vanilla-cell.js";
export { vanillaCell } from "./cells/vanilla-cell.js";
export type { GenerateOptions } from "./language-model/generate-tokens.js";
export { generateTokens } from "./language-model/generate-tokens.js";
export type { LanguageModel, LanguageModelParts } from "./language-model/language-model.js";
export { languageModel, recurrentLayerNames } from "./language-model/language-model.js";
export type { LanguageModelCost, LanguageModelCostOptions } from "./language-model/language-model-cost.js";
export { languageModelCost } from "./language-model/language-model-cost.js";
export type { LanguageModelOptions } from "./language-model/language-model-options.js";
export { languageModelNames } from "./language-model/language-model-options.js";
export type { PackedLanguageModel } from "./language-model/packed-language-model.js";
export {
  isPackedLanguageModel,
  packLanguageModel,
  readPackedLanguageModel,
  savePackedLanguageModel,
} from "./language-model/packed-language-model.js";
export type { BoundEdgeQuantizer, BoundMatrixQuantizer, CellQuantizers } from "./quantization/cell-quantizers.js";
export type { CellQuantizationOptions } from "./quantization/plan-cell-quantization.js";
export { bindCellQuantizers, planCellQuantization } from "./quantization/plan-cell-quantization.js";
export type { Unrolled, UnrolledBothWays, UnrollOptions } from "./unroll.js";
export { unroll, unrollBothWays } from "./unroll.js";
