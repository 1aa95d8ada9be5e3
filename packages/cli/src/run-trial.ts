import type { Engine } from "@lowbit/core-tensor";
import { type JsonObject, joinPath, type Storage } from "@lowbit/core-tensor/storage";
import { createLoader } from "@lowbit/data";
import type { Registry } from "@lowbit/quant";
import type { Provenance, Study, Trial, TrialResult } from "@lowbit/sweep";
import { z } from "zod";
import { distillNetwork, prepareDistillation } from "./distill-network.js";
import { distillationCalls, parseDistillation } from "./distillation.js";
import { parseExperiment } from "./experiment.js";
import { openEngine } from "./open-engine.js";
import { warn } from "./print.js";
import { simulateTrained } from "./simulate-trained.js";
import { stageReporter } from "./stage-reporter.js";
import { isClassification, isTextExperiment, parseTextExperiment } from "./text-experiment.js";
import { prepareTextExperiment, trainLanguageModel } from "./train-language-model.js";
import { type PreparedExperiment, prepareExperiment, trainNetwork } from "./train-network.js";
import { prepareTextClassifier, trainTextClassifier } from "./train-text-classifier.js";
import { trainingReporter } from "./training-reporter.js";
import type { TrainingRun } from "./training-run.js";

/** Where and how the trials of a study run. */
interface Stage {
  readonly storage: Storage;
  readonly registry: Registry;
  readonly signal: AbortSignal;
  /** The study's folder: records, and below it what is unfinished, networks that later trials need, teachers' logits. */
  readonly out: string;
  readonly dataFolder?: string;
  readonly backend: string;
  readonly threads?: number;
  readonly build?: string;
  readonly progress: boolean;
}

const source = { kind: "options" } as const;
/** "trial NAME": the network that another trial has trained. */
const REFERENCE = "trial ";

/** A study, or whatever else has trials that may learn from each other. */
type Trials = Pick<Study, "trials">;

const isTaughtBy = ({ configuration }: Trial, key: string): boolean => configuration.teacher === `${REFERENCE}${key}`;

/**
 * Runs one trial as `lowbit train` or, where it names a scheme, as `lowbit distill` does, in a folder from which a stopped trial
 * goes on. In the end the folder is gone, unless another trial of the study learns from the network in it.
 *
 * A trial that ran from its start to its end in one go also tells `processorSeconds`, which all its threads took together: other
 * programs on the machine hardly change them.
 */
export async function runTrial(
  study: Trials,
  trial: Trial,
  made: Pick<Provenance, "command" | "commit">,
  stage: Stage,
): Promise<{ result: TrialResult; made: Provenance }> {
  const { storage, out, backend, threads, build } = stage;
  const engine = await openEngine({ backend, threads, build }, "training"); // its own: it keeps what it has computed with
  try {
    const run = runnerOf(trial);
    const folder = folderOf(study, trial, out);
    const goesOn = await storage.exists(folder);
    const before = process.cpuUsage();
    const measured = await run(study, trial, folder, engine, stage);
    const { user, system } = process.cpuUsage(before);
    // Of a trial that went on, only its first process would know the rest.
    const result = goesOn ? measured : { ...measured, processorSeconds: Math.round((user + system) / 1e5) / 10 };
    if (!study.trials.some((each) => isTaughtBy(each, trial.key))) await removeFiles(storage, folder);
    const { name, build: kernels, threads: used } = engine.backend;
    return { result, made: { ...made, node: process.versions.node, backend: `${name} ${kernels}`, threads: used } };
  } finally {
    await engine.close();
  }
}

function folderOf(study: Trials, { key }: Trial, out: string): string {
  const isKept = study.trials.some((each) => isTaughtBy(each, key));
  return joinPath(joinPath(out, isKept ? "networks" : "unfinished"), key);
}

const withFolder = (configuration: JsonObject, { dataFolder }: Stage): JsonObject =>
  dataFolder === undefined ? configuration : { ...configuration, data: `${configuration.data}:${dataFolder}` };

function runnerOf({ configuration }: Trial): typeof trainTrial {
  if (isClassification(configuration)) return trainClassifierTrial;
  if (isTextExperiment(configuration)) return trainTextTrial;
  return configuration.scheme === undefined ? trainTrial : distillTrial;
}

/** Trains with a reporter of its own, in a folder that may hold a beginning, and goes on from that. */
async function reported<Result>(
  { key }: Trial,
  epochs: number,
  { storage, signal, progress: show }: Stage,
  { folder, engine }: { readonly folder: string; readonly engine: Engine },
  run: (options: TrainingRun) => Promise<Result>,
): Promise<Result> {
  const reporter = trainingReporter({ label: key, epochs, show, engine });
  try {
    const options = { engine, storage, out: folder, resume: true, allowBuildChange: false, signal };
    return await run({ ...options, callbacks: reporter.callbacks });
  } finally {
    reporter.stop();
  }
}

async function trainTextTrial(
  _: Trials,
  trial: Trial,
  folder: string,
  engine: Engine,
  stage: Stage,
): Promise<TrialResult> {
  const experiment = parseTextExperiment(withFolder(trial.configuration, stage), source);
  const prepared = await prepareTextExperiment(experiment, { source, registry: stage.registry });
  return reported(trial, experiment.epochs, stage, { folder, engine }, async (run) => {
    const { network } = await trainLanguageModel(prepared, run);
    const { bitsPerCharacter, perplexity, loss, tokens, trainLoss, steps, latentBytes, packedBytes } = network;
    return { bitsPerCharacter, perplexity, loss, tokens, trainLoss, steps, latentBytes, packedBytes };
  });
}

async function trainClassifierTrial(
  _: Trials,
  trial: Trial,
  folder: string,
  engine: Engine,
  stage: Stage,
): Promise<TrialResult> {
  const experiment = parseTextExperiment(withFolder(trial.configuration, stage), source);
  const prepared = await prepareTextClassifier(experiment, { source, registry: stage.registry });
  return reported(trial, experiment.epochs, stage, { folder, engine }, async (run) => {
    const { network } = await trainTextClassifier(prepared, run);
    const { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes } = network;
    return { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes };
  });
}

async function trainTrial(_: Trials, trial: Trial, folder: string, engine: Engine, stage: Stage): Promise<TrialResult> {
  const { simulation, ...fields } = trial.configuration;
  const experiment = parseExperiment(withFolder(fields, stage), source);
  const prepared = await prepareExperiment(experiment, { source, registry: stage.registry, warn });
  return reported(trial, experiment.epochs, stage, { folder, engine }, async (run) => {
    const { network } = await trainNetwork(prepared, run);
    const { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes } = network;
    const simulated = simulation === undefined ? {} : await simulateNetwork(prepared, simulation, engine);
    return { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes, ...simulated };
  });
}

/** What a trial asks the simulator: a machine, and how many of the first test images pass through it. */
const simulationSchema = z.strictObject({
  images: z.int().min(1).max(1024),
  machine: z.record(z.string(), z.json()),
});

async function simulateNetwork(
  { dataset, model }: PreparedExperiment,
  asked: unknown,
  engine: Engine,
): Promise<Record<string, number>> {
  const { images: count, machine } = simulationSchema.parse(asked);
  const loader = createLoader(dataset.test, { batch: count, ...dataset.normalisation });
  try {
    for await (const { images } of loader) return await simulateTrained(model, engine, images, machine);
    throw new Error("the data set has no test images");
  } finally {
    await loader.close();
  }
}

async function distillTrial(
  study: Trials,
  trial: Trial,
  folder: string,
  engine: Engine,
  stage: Stage,
): Promise<TrialResult> {
  const { storage, registry, signal, progress: show, out } = stage;
  const teacher = await teacherOf(study, trial, engine, stage);
  const fields = { ...withFolder(trial.configuration, stage), teacher };
  const called = { ...source, calls: distillationCalls };
  const prepared = await prepareDistillation(parseDistillation(fields, called), { source: called, registry, warn });
  const { callbacks, stop } = stageReporter({ show, engine });
  try {
    const run = { engine, storage, out: folder, resume: true, allowBuildChange: false, signal, callbacks };
    const { network } = await distillNetwork(prepared, { ...run, cacheFolder: joinPath(out, "cache") });
    const { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes } = network;
    const { teacherAccuracy, teacherSeconds, cache, losses } = network;
    return {
      ...{ accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes },
      ...(teacherAccuracy !== null && { teacherAccuracy }),
      ...(teacherSeconds !== null && { teacherSeconds, cacheHit: Number(cache === "hit") }),
      ...(losses && Object.fromEntries(Object.entries(losses).map(([name, value]) => [`${name}Loss`, value]))),
      ...(await accuracyByEpoch(storage, folder)),
    };
  } finally {
    stop();
  }
}

/** What a distillation reads as its teacher: a folder in place of a trial's name. Trains that trial's network where it is gone. */
async function teacherOf(study: Trials, { configuration, key }: Trial, engine: Engine, stage: Stage) {
  const { teacher } = configuration;
  const named = study.trials.find((each) => teacher === `${REFERENCE}${each.key}`);
  if (!named) {
    if (typeof teacher === "string" && !teacher.startsWith(REFERENCE)) return teacher;
    throw new Error(`trial ${key} learns from ${teacher}, and the study has no such trial`);
  }
  const folder = folderOf(study, named, stage.out);
  await trainTrial(study, named, folder, engine, stage);
  return folder;
}

/** The student's accuracy on the test images after each epoch at low precision, as its log tells: epoch1Accuracy, … */
async function accuracyByEpoch(storage: Storage, folder: string): Promise<Record<string, number>> {
  const text = new TextDecoder().decode(await storage.read(joinPath(folder, "log.jsonl")));
  const lines = text.trimEnd().split("\n");
  const reports = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "epoch");
  return Object.fromEntries(reports.map(({ epoch, evaluation }) => [`epoch${epoch + 1}Accuracy`, evaluation.accuracy]));
}

/** Removes a folder and all in it. */
async function removeFiles(storage: Storage, folder: string): Promise<void> {
  for (const { name, kind } of await storage.list(folder)) {
    const path = joinPath(folder, name);
    if (kind === "folder") await removeFiles(storage, path);
    else await storage.remove(path);
  }
  await storage.removeFolder(folder);
}
