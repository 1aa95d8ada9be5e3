export type { ApprenticeLoss, ApprenticeLossOptions, DistillationForm } from "./apprentice-loss.js";
export { apprenticeLoss, checkApprenticeLoss, distillationForms } from "./apprentice-loss.js";
export type { JointStepOptions, TaughtBatch } from "./apprentice-step.js";
export { compileGuidedStep, compileJointStep, compileTaughtStep } from "./apprentice-step.js";
export type {
  DistillationCallbacks,
  DistillationOutcome,
  DistillationScheme,
  DistillOptions,
  StageName,
  TeacherSource,
} from "./distill.js";
export { distill } from "./distill.js";
export type { FeatureHint, HintForm, PreparedHints } from "./feature-hints.js";
export { hintForms, prepareHints } from "./feature-hints.js";
export type { FrozenTeacher, TeacherNetwork } from "./frozen-teacher.js";
export { frozenTeacher, identifyNetwork } from "./frozen-teacher.js";
export type { LogitsCacheOptions } from "./logits-cache.js";
export { LogitsCache } from "./logits-cache.js";
export type { CacheUse, NumberedBatch, TaughtLoader, TeachingReport, TeachOptions } from "./teach-loader.js";
export { teachLoader } from "./teach-loader.js";
