import { ConfigurationError, type Engine, type HostTensor } from "@lowbit/core-tensor";
import { openGeneration, type Storage } from "@lowbit/core-tensor/storage";
import { createLoader, type Dataset } from "@lowbit/data";
import { createModel, type EpochReport, type JsonRecord, type Start, type TrainingCallbacks, train } from "@lowbit/nn";
import {
  latentBytes,
  type PreparedModel,
  packedBytes,
  prepare,
  type Registry,
  type TrainingMemory,
} from "@lowbit/quant";
import { augmentation } from "./augmentation.js";
import { type Experiment, type ExperimentSource, experimentSchema, resolveField } from "./experiment.js";
import { type NetworkNotes, notesFor } from "./network-notes.js";
import { limitSplit, openNamedDataset } from "./open-named-dataset.js";
import { checkOutFolder } from "./out-folder.js";
import { type ResolvedExperiment, resolveExperiment } from "./resolve-experiment.js";

/** An experiment whose names have been found, data opened and model built: nothing has been written yet. */
export interface PreparedExperiment {
  readonly experiment: Experiment;
  readonly resolved: ResolvedExperiment;
  readonly dataset: Dataset;
  readonly model: PreparedModel;
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
  const { width, seed } = experiment;
  const plain = resolveField(source, "model", () =>
    createModel(experiment.model, { inputShape: imageShape, classes: classes.length, width, seed }),
  );
  const { scheme, precision } = resolved;
  const calibration = await firstBatch(dataset, experiment);
  const { scaleLearningRate } = experiment;
  const model = await prepare(plain, {
    ...{ precision: precision.name, scheme, registry, warn, trainingMemory },
    ...{ calibration, scaleLearningRate },
  });
  resolveField(source, "augment", () =>
    createLoader(dataset.train, { batch: 1, augment: augmentation(experiment.augment) }),
  );
  return { experiment, resolved, dataset, model };
}

/** Images from which learned scales take their first values. */
const CALIBRATION_IMAGES = 64;

/** The first training images of the run, normalised, without augmentation. */
async function firstBatch(dataset: Dataset, { seed, limit }: Experiment): Promise<HostTensor> {
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
  { experiment, resolved, dataset, model }: PreparedExperiment,
  run: {
    readonly engine: Engine;
    readonly storage: Storage;
    readonly out: string;
    readonly resume: boolean;
    readonly allowBuildChange: boolean;
    readonly signal: AbortSignal;
    readonly callbacks: TrainingCallbacks;
  },
): Promise<{ readonly network: TrainedNetwork; readonly start: Start }> {
  const { engine, storage, out, resume, allowBuildChange, signal, callbacks } = run;
  const { batch, seed, epochs, limit } = experiment;
  const { normalisation } = dataset;
  const augment = augmentation(experiment.augment);
  const training = createLoader(limitSplit(dataset.train, limit), {
    ...{ batch, seed, shuffle: true, augment, prefetch: PREFETCHED_BATCHES },
    ...normalisation,
  });
  const test = createLoader(limitSplit(dataset.test, limit), { batch: EVALUATION_BATCH, ...normalisation });
  try {
    const { start, result } = await train({
      ...{ engine, model, epochs, callbacks, signal },
      loader: training,
      evaluate: test,
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

/**
 * Looks whether a run may go into a folder, before anything is created: it is free, or holds this very experiment.
 *
 * @throws {ConfigurationError} names the settings that differ from those of the run in the folder
 */
export async function checkRunFolder(
  storage: Storage,
  out: string,
  experiment: Experiment,
  { resume }: { readonly resume: boolean },
): Promise<void> {
  await checkOutFolder(storage, out, { resume });
  const state = resume ? (await openGeneration(storage, out))?.state : undefined;
  const stored = (state as { identity?: { experiment?: unknown } } | undefined)?.identity?.experiment;
  const was = experimentSchema.safeParse(stored);
  if (!was.success) return; // whatever it is, opening the run says what is wrong with it
  const names = Object.keys(experimentSchema.shape) as (keyof Experiment)[];
  const changed = names.filter((name) => JSON.stringify(was.data[name]) !== JSON.stringify(experiment[name]));
  if (changed.length === 0) return;
  const tell = (name: keyof Experiment) =>
    `${name} was ${was.data[name] ?? "absent"} and is ${experiment[name] ?? "absent"}`;
  throw new ConfigurationError(`the run in this folder can't be resumed as another: ${changed.map(tell).join("; ")}`, {
    where: out,
    want: changed.map((name) => `${name} ${was.data[name] ?? "absent"}`).join(", "),
    got: Object.fromEntries(changed.map((name) => [name, experiment[name]])),
    hint: "the settings that the run began with, or another --out",
  });
}
