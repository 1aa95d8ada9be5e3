import { ConfigurationError } from "@lowbit/core-tensor";
import { resolveDataset } from "@lowbit/data";
import {
  adamW,
  constantSchedule,
  cosineSchedule,
  didYouMean,
  modelNames,
  type Optimiser,
  plateauSchedule,
  type Schedule,
  sgd,
  stepSchedule,
} from "@lowbit/nn";
import { type Precision, parsePrecision, type Registry, type Scheme } from "@lowbit/quant";
import { type Experiment, type ExperimentSource, mistakeIn, resolveField } from "./experiment.js";

/** What experiments of every kind name, each found. */
export interface ResolvedExperiment {
  readonly precision: Precision;
  readonly scheme: Scheme;
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
}

/**
 * Finds all that an experiment names, also what this one would not use, and touches no file.
 *
 * @throws {ArgumentError} or, for a file, {ConfigurationError} for a name that nothing has; "did you mean" where one is near
 * @throws {ConfigurationError} for a precision that the scheme has not
 */
export function resolveExperiment(
  experiment: Experiment,
  source: ExperimentSource,
  registry: Registry,
): ResolvedExperiment {
  const { model } = experiment;
  if (!modelNames.includes(model)) {
    const near = didYouMean(model, modelNames);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    throw mistakeIn(source, "model", `there is no model ${JSON.stringify(model)}`, {
      want: modelNames.join(", "),
      got: model,
      hint,
    });
  }
  resolveField(source, "data", () => resolveDataset(experiment.data));
  checkFp32Epochs(experiment, source);
  return resolveTraining(experiment, source, registry);
}

function checkFp32Epochs({ fp32Epochs = 0, epochs, precision }: Experiment, source: ExperimentSource): void {
  if (fp32Epochs === 0) return;
  if (fp32Epochs >= epochs) {
    throw mistakeIn(source, "fp32Epochs", `${fp32Epochs} of ${epochs} epochs can't be in full precision`, {
      want: `a whole number below epochs, ${epochs}: some have to be at ${precision}`,
      got: fp32Epochs,
    });
  }
  if (precision !== "fp32") return;
  throw mistakeIn(source, "fp32Epochs", "nothing is lowered after the epochs in full precision", {
    want: "a precision such as w2a32",
  });
}

/** Finds what does not depend on the kind of network: precision and scheme, optimiser and schedule. */
export function resolveTraining(
  experiment: Pick<
    Experiment,
    "precision" | "quantizer" | "quantizerOptions" | "optimiser" | "learningRate" | "momentum" | "weightDecay"
  > &
    ScheduleFields,
  source: ExperimentSource,
  registry: Registry,
): ResolvedExperiment {
  const { learningRate, momentum, weightDecay } = experiment;
  const precision = resolveField(source, "precision", () => parsePrecision(experiment.precision));
  const named = resolveField(source, "quantizer", () => registry.scheme(experiment.quantizer));
  const scheme = resolveField(source, "quantizerOptions", () => named.withOptions(experiment.quantizerOptions));
  checkBits(scheme, precision);
  const optimiser = resolveField(source, "optimiser", () =>
    experiment.optimiser === "sgd" ? sgd({ momentum, weightDecay }) : adamW({ weightDecay }),
  );
  const schedule = resolveSchedule({ ...experiment, learningRate }, source);
  return { precision, scheme, optimiser, schedule };
}

type PlateauField = "plateauFactor" | "plateauPatience" | "plateauThreshold";
type ScheduleFields = Pick<Experiment, "schedule"> & Partial<Pick<Experiment, PlateauField>>;

const schedules = { cosine: cosineSchedule, step: stepSchedule, constant: constantSchedule };

/** A plateau goes by the training error, after arXiv 1610.00324. */
function resolveSchedule(
  { schedule, learningRate, ...plateau }: ScheduleFields & Pick<Experiment, "learningRate">,
  source: ExperimentSource,
): Schedule {
  const { plateauFactor: factor = 0.1, plateauPatience: patience = 0, plateauThreshold: threshold = 0.02 } = plateau;
  if (schedule === "plateau") {
    const options = { learningRate, factor, patience, threshold, watch: "training" } as const;
    return resolveField(source, "learningRate", () => plateauSchedule(options));
  }
  for (const field of ["plateauFactor", "plateauPatience", "plateauThreshold"] as const) {
    if (plateau[field] === undefined) continue;
    throw mistakeIn(source, field, `${field} says nothing of schedule ${schedule}`, { want: "schedule plateau" });
  }
  return resolveField(source, "learningRate", () => schedules[schedule]({ learningRate }));
}

/** Asks the scheme for both slots now, before a data set is read: layers behind a ReLU read values that are never negative. */
function checkBits(scheme: Scheme, { weightBits, inputBits, gradientBits = 32 }: Precision): void {
  scheme.choose("weight", { bits: weightBits, signed: true });
  scheme.choose("gradient", { bits: gradientBits, signed: true });
  const offered = [false, true].flatMap((signed) => scheme.bits("input", { signed }));
  if (inputBits === 32 || offered.includes(inputBits)) return;
  throw new ConfigurationError(`scheme "${scheme.name}" has no ${inputBits}-bit quantizer for a layer's input`, {
    where: 'slot "input"',
    want: `${[...new Set(offered)].sort().join(", ")} bits, or 32 to leave it alone`,
    got: inputBits,
  });
}
