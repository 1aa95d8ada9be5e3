import { ConfigurationError, type Engine, type HostTensor } from "@lowbit/core-tensor";
import { createLoader, type Dataset } from "@lowbit/data";
import {
  compileTrainingStep,
  createModel,
  crossEntropyLoss,
  type EpochReport,
  type JsonRecord,
  type Start,
  type TrainingStep,
  train,
  withActivationPenalty,
} from "@lowbit/nn";
import {
  latentBytes,
  layerZeros,
  type PreparedModel,
  packedBytes,
  prepare,
  type Registry,
  type TrainingMemory,
} from "@lowbit/quant";
import { augmentation } from "./augmentation.js";
import { type Experiment, type ExperimentSource, inSource, mistakeIn, resolveField } from "./experiment.js";
import { firstImages } from "./first-images.js";
import { type NetworkNotes, notesFor } from "./network-notes.js";
import { limitSplit, openNamedDataset } from "./open-named-dataset.js";
import { type ResolvedExperiment, resolveExperiment } from "./resolve-experiment.js";
import type { TrainingRun } from "./training-run.js";

/** An experiment whose names have been found, data opened and model built: nothing has been written yet. */
export interface PreparedExperiment {
  readonly experiment: Experiment;
  readonly resolved: ResolvedExperiment;
  readonly dataset: Dataset;
  readonly model: PreparedModel;
  /** The first training images, for what is measured beside the training. */
  readonly calibration: HostTensor;
}

/** Images in a batch of an evaluation; a result does not depend on it. */
export const EVALUATION_BATCH = 100;
export const PREFETCHED_BATCHES = 2;

/**
 * Does all that can go wrong before the first file is written: finds names, opens the data, builds and prepares the model.
 *
 * @param warn  told of layers whose codes are all 0, and of networks in which nothing was quantized
 */
export async function prepareExperiment(
  experiment: Experiment,
  {
    source,
    registry,
    warn,
    trainingMemory,
  }: TrainingMemory & { source: ExperimentSource; registry: Registry; warn: (message: string) => void },
): Promise<PreparedExperiment> {
  const resolved = resolveExperiment(experiment, source, registry);
  const dataset = await openNamedDataset(experiment.data, source.kind === "file" ? `${source.file}, data` : "--data");
  const { imageShape, classes } = dataset;
  const { width, seed, reluThreshold, foldBatchNorm = 0 } = experiment;
  checkBatchNorm(experiment, source);
  const plain = resolveField(source, "model", () =>
    createModel(experiment.model, { inputShape: imageShape, classes: classes.length, width, seed, reluThreshold }),
  );
  const { scheme, precision } = resolved;
  const calibration = await firstBatch(dataset, experiment);
  const { scaleLearningRate, overrides } = experiment;
  const model = await inSource(source, () =>
    prepare(plain, {
      ...{ precision: precision.name, scheme, registry, warn, trainingMemory },
      ...{ calibration, scaleLearningRate, overrides, seed, foldBatchNorm: foldBatchNorm > 0 },
    }),
  );
  resolveField(source, "augment", () =>
    createLoader(dataset.train, { batch: 1, augment: augmentation(experiment.augment) }),
  );
  return { experiment, resolved, dataset, model, calibration };
}

/** Batch norm can be frozen, or folded as well, in some epochs at the end: not both, nor in more than there are. */
function checkBatchNorm(experiment: Experiment, source: ExperimentSource): void {
  const { epochs, freezeBatchNorm, foldBatchNorm = 0 } = experiment;
  for (const [field, what] of [
    ["freezeBatchNorm", "frozen"],
    ["foldBatchNorm", "folded"],
  ] as const) {
    const got = experiment[field] ?? 0;
    if (got <= epochs) continue;
    const want = `a whole number from 0 to ${epochs}`;
    throw mistakeIn(source, field, `batch norm can't be ${what} in ${got} of ${epochs} epochs`, { want, got });
  }
  if (freezeBatchNorm === 0 || foldBatchNorm === 0) return;
  throw mistakeIn(source, "foldBatchNorm", "batch norm that is folded is frozen already", {
    want: "epochs to freeze it in, or epochs to fold it in",
    got: { freezeBatchNorm, foldBatchNorm },
  });
}

/** Images that pass for the zeros of each layer after each epoch. */
const MEASURED_IMAGES = 16;

/** Images from which learned scales take their first values. */
const CALIBRATION_IMAGES = 64;

/** The first training images of the run, normalised, without augmentation. */
export async function firstBatch(dataset: Dataset, { seed, limit }: Experiment): Promise<HostTensor> {
  const batch = Math.min(CALIBRATION_IMAGES, limit ?? dataset.train.count, dataset.train.count);
  const split = limitSplit(dataset.train, limit);
  const loader = createLoader(split, { batch, seed, shuffle: true, ...dataset.normalisation });
  try {
    for await (const { images } of loader) return images;
    throw new ConfigurationError("the data set has no training images", { where: "data" });
  } finally {
    await loader.close();
  }
}

/** How a run ended: the same for a run, a resumed run, and a finished run that is asked again. */
export interface TrainedNetwork {
  readonly out: string;
  readonly model: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly width: number;
  readonly seed: number;
  readonly epochs: number;
  readonly steps: number;
  /** On the training images, over the last epoch; in per cent. */
  readonly trainAccuracy: number;
  readonly trainLoss: number;
  /** On the test images, in per cent. */
  readonly accuracy: number;
  readonly loss: number;
  readonly images: number;
  readonly latentBytes: number;
  readonly packedBytes: number;
}

/** Trains a prepared experiment into a folder, or goes on with the run that is there. */
export async function trainNetwork(
  prepared: PreparedExperiment,
  run: TrainingRun,
): Promise<{ readonly network: TrainedNetwork; readonly start: Start }> {
  const { experiment, resolved, dataset, model, calibration } = prepared;
  const { engine, storage, out, resume, allowBuildChange, signal, callbacks } = run;
  const zeros = layerZeros(model, engine);
  const { batch, seed, epochs, limit, freezeBatchNorm, foldBatchNorm = 0 } = experiment;
  const frozenBatchNormEpochs = Math.max(freezeBatchNorm, foldBatchNorm); // one of them is 0
  const { normalisation } = dataset;
  const augment = augmentation(experiment.augment);
  const training = createLoader(limitSplit(dataset.train, limit), {
    ...{ batch, seed, shuffle: true, augment, prefetch: PREFETCHED_BATCHES },
    ...normalisation,
  });
  const test = createLoader(limitSplit(dataset.test, limit), { batch: EVALUATION_BATCH, ...normalisation });
  try {
    const { start, result } = await train({
      ...{ engine, model, epochs, callbacks, signal, frozenBatchNormEpochs },
      loader: training,
      evaluate: test,
      step: compileStep(prepared, { engine, stepsPerEpoch: training.batchesPerEpoch }),
      measure: async () => ({
        zeros: (await zeros(firstImages(calibration, MEASURED_IMAGES))).map((each) => ({ ...each })),
      }),
      optimiser: resolved.optimiser,
      schedule: resolved.schedule,
      checkpoint: { storage, folder: out, resume, allowBuildChange, identity: identityOf(experiment, dataset, model) },
    });
    return { start, network: describeTrained(experiment, model, out, result) };
  } finally {
    await training.close();
    await test.close();
  }
}

/** The step that an experiment asks for: first in full precision, then lowered; with a price on activations. */
function compileStep(
  { experiment, resolved: { optimiser }, model, calibration }: PreparedExperiment,
  { engine, stepsPerEpoch }: { readonly engine: Engine; readonly stepsPerEpoch: number },
): TrainingStep {
  const { activationPenalty = 0, fp32Epochs = 0 } = experiment;
  const loss = activationPenalty > 0 ? withActivationPenalty(crossEntropyLoss, activationPenalty) : crossEntropyLoss;
  const first = {
    steps: fp32Epochs * stepsPerEpoch,
    forward: model.fullPrecision.forward,
    onEnd: () => model.startLearned(engine, calibration),
  };
  return compileTrainingStep(engine, { model, loss, optimiser, ...(fp32Epochs > 0 && { first }) });
}

/** Kept in the checkpoint: decides, with the model, what the run computes, and tells later what the network is. */
function identityOf(experiment: Experiment, dataset: Dataset, { quantization }: PreparedModel): JsonRecord {
  const notes: NetworkNotes = notesFor(experiment, dataset);
  return JSON.parse(JSON.stringify({ ...notes, quantization })) as JsonRecord;
}

function describeTrained(
  experiment: Experiment,
  model: PreparedModel,
  out: string,
  result: EpochReport,
): TrainedNetwork {
  const { precision, quantizer, width, seed, epochs } = experiment;
  const test = result.evaluation ?? { accuracy: 0, loss: 0, images: 0 };
  return {
    ...{ out, model: experiment.model, precision, quantizer, width, seed, epochs },
    steps: result.step,
    trainAccuracy: result.accuracy,
    trainLoss: result.loss,
    ...{ accuracy: test.accuracy, loss: test.loss, images: test.images },
    latentBytes: latentBytes(model),
    packedBytes: packedBytes(model),
  };
}

const percent = (value: number): string => `${value.toFixed(2)} %`;

export function formatTrained(network: TrainedNetwork): string {
  const { model, precision, quantizer, width, accuracy, loss, images, trainAccuracy, steps, out } = network;
  const how = precision === "fp32" ? "fp32" : `${precision} by ${quantizer}`;
  return [
    `${model}, ${how}, width ${width}: ${percent(accuracy)} of ${images} test images right, loss ${loss.toFixed(4)}`,
    `${percent(trainAccuracy)} of the training images in the last epoch, ${steps} steps`,
    `written to ${out}`,
  ].join("\n");
}
