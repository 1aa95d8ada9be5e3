export { findQuantizer } from "./bind-layers.js";
export type { LearnedVariables } from "./bind-learned.js";
export { bindLearnedOfWeight } from "./bind-learned.js";
export type { CalibrationOptions, CalibrationStage } from "./calibration/calibrate.js";
export { calibrate } from "./calibration/calibrate.js";
export type { BiasCorrection } from "./calibration/correct-bias.js";
export type { Equalisation } from "./calibration/equalise-layers.js";
export { equaliseLayers } from "./calibration/equalise-layers.js";
export type { LayerSensitivity, Sensitivities, SensitivityOptions } from "./calibration/layer-sensitivity.js";
export { measureSensitivity } from "./calibration/layer-sensitivity.js";
export type { LearnedRounding, RoundingOptions } from "./calibration/learn-rounding.js";
export type { LoweringOptions, TrainedNetwork } from "./calibration/lower-model.js";
export { lowerModel } from "./calibration/lower-model.js";
export type { FrontOptions, FrontPoint, LayerChoice, ParetoFront } from "./calibration/pareto-front.js";
export { paretoFront } from "./calibration/pareto-front.js";
export type {
  LayerPrecision,
  PrecisionSearch,
  PredictedPrecision,
  RecheckedPrecision,
  ScoredPrecision,
  SearchOptions,
} from "./calibration/search-precision.js";
export { precisionOverrides, searchPrecision } from "./calibration/search-precision.js";
export { convert, latentBytes, packedBytes } from "./convert.js";
export type {
  CodeRange,
  DeclaredGradient,
  Granularity,
  Held,
  LayerWindow,
  Learned,
  OptionsResult,
  OptionsSchema,
  Quantizer,
  Scale,
  Term,
} from "./define-quantizer.js";
export { clippedGradient, defineQuantizer, parseOptions } from "./define-quantizer.js";
export type { Scheme, SchemeChoice, SchemeDeclaration, SchemeRequest } from "./define-scheme.js";
export { bitsFrom, defineScheme } from "./define-scheme.js";
export type { LayerDiagnosis } from "./diagnose-layers.js";
export { collapseOf, layerDiagnosis } from "./diagnose-layers.js";
export type { BoundQuantizer, BoundWeight, Grid } from "./grid.js";
export { formatOf, weightCodes } from "./grid.js";
export type { LayerZeros } from "./layer-zeros.js";
export { layerZeros } from "./layer-zeros.js";
export type { Observer } from "./observers/create-observer.js";
export { createObserver, observerNames } from "./observers/create-observer.js";
export type { GridQuestion, ValueRange } from "./observers/value-range.js";
export type { LayerOverride } from "./overrides.js";
export { layerOverrideSchema } from "./overrides.js";
export type { PackedFolder } from "./packed-folder.js";
export { isPackedGeneration, loadPackedFolder, readPackedGeneration, savePackedFolder } from "./packed-folder.js";
export type { PackedModel, StoredPackedModel } from "./packed-model.js";
export { restorePackedModel, storePackedModel } from "./packed-model.js";
export type { Precision, Slot } from "./precision.js";
export { parsePrecision } from "./precision.js";
export type { LayerOperands, LayerTensors, PreparedModel, TrainingMemory } from "./prepare.js";
export { applyQuantization, prepare } from "./prepare.js";
export type {
  ChosenQuantizer,
  ChosenWeight,
  LayerQuantization,
  Quantization,
  QuantizationOptions,
} from "./quantization.js";
export { planQuantization } from "./quantization.js";
export { affine } from "./quantizers/affine-scheme.js";
export { binaryActivation } from "./quantizers/binary-activation.js";
export { binaryWeight } from "./quantizers/binary-weight.js";
export { builtIns } from "./quantizers/built-ins.js";
export { bwn } from "./quantizers/bwn-scheme.js";
export { dorefaGradient } from "./quantizers/dorefa-gradient.js";
export { dorefa } from "./quantizers/dorefa-scheme.js";
export { dorefaWeight } from "./quantizers/dorefa-weight.js";
export { groupWeight } from "./quantizers/group-weight.js";
export { lsq } from "./quantizers/lsq.js";
export { lsqPlus } from "./quantizers/lsq-plus.js";
export { lsqPlusScheme } from "./quantizers/lsq-plus-scheme.js";
export { lsqScheme } from "./quantizers/lsq-scheme.js";
export { pact } from "./quantizers/pact.js";
export { pactScheme } from "./quantizers/pact-scheme.js";
export { powerOfTwoWeight } from "./quantizers/power-of-two.js";
export { ternaryWeight } from "./quantizers/ternary-weight.js";
export { ttq } from "./quantizers/ttq.js";
export { ttqScheme } from "./quantizers/ttq-scheme.js";
export { twn } from "./quantizers/twn-scheme.js";
export { uniformAffine } from "./quantizers/uniform-affine.js";
export { uniform } from "./quantizers/uniform-scheme.js";
export { uniformSymmetric } from "./quantizers/uniform-symmetric.js";
export { uniformUnsigned } from "./quantizers/uniform-unsigned.js";
export { xnor } from "./quantizers/xnor-scheme.js";
export type { ListedQuantizer, ListedScheme, QuantizerPlugin, Registry } from "./registry.js";
export { createRegistry } from "./registry.js";
export { straightThrough } from "./straight-through.js";
