import { ConfigurationError } from "@lowbit/core-tensor";
import { resolveDataset } from "@lowbit/data";
import {
  adamW,
  constantSchedule,
  cosineSchedule,
  didYouMean,
  modelNames,
  type Optimiser,
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
  return resolveTraining(experiment, source, registry);
}

/** Finds what does not depend on the kind of network: precision and scheme, optimiser and schedule. */
export function resolveTraining(
  experiment: Pick<
    Experiment,
    | "precision"
    | "quantizer"
    | "quantizerOptions"
    | "optimiser"
    | "schedule"
    | "learningRate"
    | "momentum"
    | "weightDecay"
  >,
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
  const schedule = resolveField(source, "learningRate", () => schedules[experiment.schedule]({ learningRate }));
  return { precision, scheme, optimiser, schedule };
}

const schedules = { cosine: cosineSchedule, step: stepSchedule, constant: constantSchedule };

/** Asks the scheme for both slots now, before a data set is read: layers behind a ReLU read values that are never negative. */
function checkBits(scheme: Scheme, { weightBits, inputBits }: Precision): void {
  scheme.choose("weight", { bits: weightBits, signed: true });
  const offered = [false, true].flatMap((signed) => scheme.bits("input", { signed }));
  if (inputBits === 32 || offered.includes(inputBits)) return;
  throw new ConfigurationError(`scheme "${scheme.name}" has no ${inputBits}-bit quantizer for a layer's input`, {
    where: 'slot "input"',
    want: `${[...new Set(offered)].sort().join(", ")} bits, or 32 to leave it alone`,
    got: inputBits,
  });
}
