import type { Engine } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";
import { createLoader, type Dataset } from "@lowbit/data";
import {
  type CacheUse,
  type DistillationCallbacks,
  type DistillationOutcome,
  distill,
  type StageName,
  type TeacherSource,
} from "@lowbit/distill";
import { createModel, type JsonRecord, type Model, modelNames, type Start } from "@lowbit/nn";
import {
  latentBytes,
  type PreparedModel,
  packedBytes,
  prepare,
  type QuantizationOptions,
  type Registry,
  type TrainingMemory,
} from "@lowbit/quant";
import { augmentation } from "./augmentation.js";
import { type Distillation, experimentOf } from "./distillation.js";
import { type Experiment, type ExperimentSource, inSource, mistakeIn, resolveField } from "./experiment.js";
import { notesFor } from "./network-notes.js";
import { limitSplit, openNamedDataset } from "./open-named-dataset.js";
import { openTeacher } from "./open-teacher.js";
import { type ResolvedExperiment, resolveExperiment } from "./resolve-experiment.js";
import { EVALUATION_BATCH, firstBatch, PREFETCHED_BATCHES } from "./train-network.js";

/** Who teaches, as the settings name it. */
type NamedTeacher =
  | { readonly kind: "none" }
  | { readonly kind: "model"; readonly model: string }
  | { readonly kind: "folders"; readonly folders: readonly string[] };

/** A distillation whose names have been found, data opened and networks built: nothing has been written yet. */
export interface PreparedDistillation {
  readonly distillation: Distillation;
  readonly source: ExperimentSource;
  readonly registry: Registry;
  readonly dataset: Dataset;
  readonly teacher: NamedTeacher;
  readonly resolved: ReadonlyMap<StageName, ResolvedExperiment>;
  /** With its first weights, at the precision that the stage trains; from the weights that `read` gives, if it is told. */
  build(stage: StageName, read?: QuantizationOptions["read"]): Promise<PreparedModel>;
}

const placeOfTeacher = (source: ExperimentSource): string =>
  source.kind === "file" ? `${source.file}, teacher` : "--teacher";

/** A model's name, "none", or else folders. */
function readTeacher({ teacher, scheme }: Distillation, source: ExperimentSource): NamedTeacher {
  const names = typeof teacher === "string" ? [teacher] : teacher;
  const [first] = names;
  if (names.length === 1 && first === "none") return { kind: "none" };
  if (names.length === 1 && modelNames.includes(first)) return { kind: "model", model: first };
  if (scheme === "a") {
    throw mistakeIn(source, "teacher", `scheme a trains its teacher beside the student, and ${first} is no model`, {
      want: `one of ${modelNames.join(", ")}; or scheme b for a network that is trained`,
      got: teacher,
    });
  }
  const model = names.find((name) => name === "none" || modelNames.includes(name));
  if (model === undefined) return { kind: "folders", folders: names };
  throw mistakeIn(source, "teacher", `${model} can't be averaged with others`, {
    want: "several folders of trained networks, or one model",
    got: teacher,
  });
}

/** Does all that can go wrong before the first file is written, but for reading the teacher's folder. */
export async function prepareDistillation(
  distillation: Distillation,
  {
    source,
    registry,
    warn,
    trainingMemory,
  }: TrainingMemory & { source: ExperimentSource; registry: Registry; warn: (message: string) => void },
): Promise<PreparedDistillation> {
  const teacher = readTeacher(distillation, source);
  const names: StageName[] =
    teacher.kind === "model" ? ["apprentice", "full-precision", "teacher"] : ["apprentice", "full-precision"];
  const experiments = new Map(names.map((name) => [name, experimentOf(distillation, name)]));
  const resolved = new Map(
    [...experiments].map(([name, each]) => [name, resolveExperiment(each, source, registry)] as const),
  );
  const dataset = await openNamedDataset(distillation.data, source.kind === "file" ? `${source.file}, data` : "--data");
  const { imageShape: inputShape, classes } = dataset;
  const plain = new Map(
    [...experiments].map(([name, { model, width, seed }]) => {
      const called = { ...source, calls: { model: name === "teacher" ? "teacher" : "student" } };
      const create = () => createModel(model, { inputShape, classes: classes.length, width, seed });
      return [name, resolveField(called, "model", create)] as const;
    }),
  );
  // One set of variables: the full-precision student is what is lowered.
  plain.set("full-precision", plain.get("apprentice") as Model);
  resolveField(source, "augment", () =>
    createLoader(dataset.train, { batch: 1, augment: augmentation(distillation.augment) }),
  );
  const calibration = await firstBatch(dataset, experiments.get("apprentice") as Experiment);
  return {
    ...{ distillation, source, registry, dataset, teacher, resolved },
    build: (stage, read) => {
      const { precision, scheme } = resolved.get(stage) as ResolvedExperiment;
      const { scaleLearningRate, overrides, seed } = experiments.get(stage) as Experiment;
      const options = {
        ...{ precision: precision.name, scheme, registry, warn, trainingMemory, read },
        ...{ calibration, scaleLearningRate, overrides, seed },
      };
      return inSource(source, () => prepare(plain.get(stage) as Model, options));
    },
  };
}

/** How a distillation ended: the same for a run, a resumed run, and a finished run that is asked again. */
export interface DistilledNetwork {
  readonly out: string;
  readonly scheme: string;
  readonly teacher: string | readonly string[];
  readonly student: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly width: number;
  readonly seed: number;
  /** Of the student at its precision. */
  readonly epochs: number;
  /** Of the student in full precision before; 0 but in scheme c. */
  readonly fullPrecisionEpochs: number;
  readonly steps: number;
  /** On the training images, over the last epoch; in per cent. */
  readonly trainAccuracy: number;
  readonly trainLoss: number;
  /** On the test images, in per cent. */
  readonly accuracy: number;
  readonly loss: number;
  readonly images: number;
  /** The teacher's, on the same images; null where nobody taught. */
  readonly teacherAccuracy: number | null;
  /** Means of the three terms over the last epoch, before they are weighted; null where nobody taught. */
  readonly losses: { readonly [term: string]: number } | null;
  /** That the frozen teacher was computing logits, in this call; null where it is part of the student's step, and where nobody taught. */
  readonly teacherSeconds: number | null;
  readonly cache: CacheUse;
  readonly latentBytes: number;
  readonly packedBytes: number;
}

export interface DistillationRun {
  readonly engine: Engine;
  readonly storage: Storage;
  readonly out: string;
  readonly resume: boolean;
  readonly allowBuildChange: boolean;
  /** Where the teacher's logits are kept; undefined: they are not. */
  readonly cacheFolder: string | undefined;
  readonly signal: AbortSignal;
  readonly callbacks: DistillationCallbacks;
}

/** Runs a prepared distillation into a folder, or goes on with the one that is there. */
export async function distillNetwork(
  prepared: PreparedDistillation,
  run: DistillationRun,
): Promise<{ readonly network: DistilledNetwork; readonly start: Start }> {
  const { distillation, dataset, resolved, build } = prepared;
  const { engine, storage, out, resume, allowBuildChange, cacheFolder, signal, callbacks } = run;
  const { scheme, batch, seed, limit, learningRate, epochs, alpha, beta, gamma, temperature, form, hints } =
    distillation;
  const { normalisation } = dataset;
  const augment = augmentation(distillation.augment);
  const split = limitSplit(dataset.train, limit);
  const loader = createLoader(split, {
    ...{ batch, seed, shuffle: true, augment, prefetch: PREFETCHED_BATCHES },
    ...normalisation,
  });
  const evaluate = createLoader(limitSplit(dataset.test, limit), { batch: EVALUATION_BATCH, ...normalisation });
  const apprentice = resolved.get("apprentice") as ResolvedExperiment;
  const fullPrecision = experimentOf(distillation, "full-precision").epochs;
  const perEpoch = distillation.augment !== "none";
  try {
    const outcome = await distill({
      ...{ scheme, engine, storage, resume, allowBuildChange, epochs, signal, callbacks, loader, evaluate },
      folder: out,
      teacher: await teacherSource(prepared, run),
      student: await build("full-precision"),
      lower: (_, read) => build("apprentice", read),
      optimiser: apprentice.optimiser,
      schedule: apprentice.schedule,
      ...(scheme === "c" && {
        fullPrecision: {
          epochs: fullPrecision,
          schedule: (resolved.get("full-precision") as ResolvedExperiment).schedule,
        },
      }),
      teacherRate: (distillation.teacherLearningRate ?? learningRate) / learningRate,
      loss: { alpha, beta, gamma, temperature, form },
      ...{ hints, seed },
      ...(cacheFolder !== undefined && {
        cache: {
          folder: cacheFolder,
          key: {
            ...{ data: dataset.fingerprint, images: split.count, batch, augment: distillation.augment },
            ...(perEpoch && { seed }),
          },
          images: split.count,
          classes: dataset.classes.length,
          perEpoch,
        },
      }),
      identity: (stage, model) => {
        const notes = notesFor(experimentOf(distillation, stage), dataset);
        const { quantization } = model as PreparedModel;
        return JSON.parse(JSON.stringify({ ...notes, quantization })) as JsonRecord;
      },
    });
    return { start: outcome.start, network: describeDistilled(distillation, out, outcome) };
  } finally {
    await loader.close();
    await evaluate.close();
  }
}

async function teacherSource(
  { teacher, registry, dataset, distillation, resolved, build, source }: PreparedDistillation,
  { storage, engine }: DistillationRun,
): Promise<TeacherSource> {
  if (teacher.kind === "none") return { kind: "none" };
  if (teacher.kind === "folders") {
    const where = placeOfTeacher(source);
    const frozen = await openTeacher(storage, teacher.folders, { engine, registry, dataset, where });
    return { kind: "frozen", teacher: frozen };
  }
  const { epochs } = experimentOf(distillation, "teacher");
  const { schedule } = resolved.get("teacher") as ResolvedExperiment;
  return { kind: "model", model: await build("teacher"), epochs, schedule };
}

function describeDistilled(distillation: Distillation, out: string, outcome: DistillationOutcome): DistilledNetwork {
  const { scheme, teacher, student, precision, quantizer, width, seed, epochs } = distillation;
  const { result, teacher: taught, cache, teacherSeconds, model } = outcome;
  const test = result.evaluation ?? { accuracy: 0, loss: 0, images: 0 };
  return {
    ...{ out, scheme, teacher, student, precision, quantizer, width, seed, epochs },
    fullPrecisionEpochs: scheme === "c" ? experimentOf(distillation, "full-precision").epochs : 0,
    steps: result.step,
    trainAccuracy: result.accuracy,
    trainLoss: result.loss,
    ...{ accuracy: test.accuracy, loss: test.loss, images: test.images },
    teacherAccuracy: taught?.accuracy ?? null,
    losses: result.terms ?? null,
    ...{ teacherSeconds, cache },
    latentBytes: latentBytes(model as PreparedModel),
    packedBytes: packedBytes(model as PreparedModel),
  };
}
