import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { InterruptedError } from "@lowbit/nn";
import type { TrainingMemory } from "@lowbit/quant";
import { thisCommandWith } from "./command-name.js";
import { type Experiment, type ExperimentSource, experimentSchema, parseExperiment } from "./experiment.js";
import { Interrupted, watchInterrupt } from "./interrupt.js";
import { openEngine } from "./open-engine.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { readFields } from "./read-fields.js";
import { checkRunFolder, prepareExperiment, type TrainedNetwork, trainNetwork } from "./train-network.js";
import { trainingReporter } from "./training-reporter.js";

export interface TrainOptions {
  readonly out?: string;
  readonly resume: boolean;
  readonly allowBuildChange: boolean;
  readonly backend: string;
  readonly threads?: number;
  readonly build?: string;
  readonly plugin: readonly string[];
  readonly progress: boolean;
  readonly trainingMemory: TrainingMemory["trainingMemory"];
}

/** `lowbit train`, from what was typed to the trained network. Everything is checked before anything is created. */
export async function runTraining(file: string | undefined, options: TrainOptions): Promise<TrainedNetwork> {
  const { out = "", resume, allowBuildChange, backend, threads, build, plugin, progress, trainingMemory } = options;
  const storage = openStorage();
  const source: ExperimentSource = file === undefined ? { kind: "options" } : { kind: "file", file };
  const experiment = await readExperiment(storage, source, options);
  const registry = await loadRegistry(storage, plugin);
  const interrupt = watchInterrupt({ onFirst: () => note("\nstopping after this step; Ctrl-C again ends at once") });
  try {
    await checkRunFolder(storage, out, experiment, { resume });
    const prepared = await prepareExperiment(experiment, { source, registry, warn, trainingMemory });
    const engine = await openEngine({ backend, threads, build }, "training");
    const reporter = trainingReporter({ label: experiment.model, epochs: experiment.epochs, show: progress, engine });
    try {
      interrupt.signal.throwIfAborted(); // nothing has been written yet
      if (resume && !(await storage.exists(`${out}/manifest.json`)))
        note(`there is no checkpoint in ${out}: starting from the beginning`);
      const { signal } = interrupt;
      const run = { engine, storage, out, resume, allowBuildChange, signal, callbacks: reporter.callbacks };
      const { network, start } = await trainNetwork(prepared, run);
      if (start === "finished") note(`the run in ${out} is finished; this is its result`);
      return network;
    } finally {
      reporter.stop();
      await engine.close();
    }
  } catch (error) {
    if (error instanceof InterruptedError) {
      note(`${error.message.split("\n")[0]}; saved in ${out}. Go on with:\n  ${thisCommandWith("--resume")}`);
      throw new Interrupted(error.message);
    }
    if (error instanceof Interrupted) note("interrupted before anything was written");
    throw error;
  } finally {
    interrupt.release();
  }
}

async function readExperiment(storage: Storage, source: ExperimentSource, options: object): Promise<Experiment> {
  const known = Object.keys(experimentSchema.shape);
  const fields = await readFields(storage, source, options, known, (given) => {
    for (const name of ["model", "data"]) {
      if (name in given) continue;
      throw new ArgumentError(`train needs --${name}`, {
        want: `--${name} NAME: lowbit list ${name === "data" ? "datasets" : "models"}`,
      });
    }
  });
  return parseExperiment(fields, source);
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
