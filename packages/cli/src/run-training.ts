import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage, type Storage } from "@lowbit/core-tensor/storage";
import type { TrainingMemory } from "@lowbit/quant";
import { type ExperimentSource, experimentSchema } from "./experiment.js";
import { openEngine } from "./open-engine.js";
import { parseOverrides } from "./parse-overrides.js";
import { parseQuantizerOptions, typedQuantizer } from "./parse-quantizer-options.js";
import { loadRegistry } from "./plugins.js";
import { note } from "./print.js";
import { readFields } from "./read-fields.js";
import { saveOnInterrupt } from "./save-on-interrupt.js";
import { textExperimentSchema } from "./text-experiment.js";
import { trainingReporter } from "./training-reporter.js";
import { checkRunFolder, readTask, type Trained } from "./training-task.js";

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
export async function runTraining(file: string | undefined, options: TrainOptions): Promise<Trained> {
  const { out = "", resume, allowBuildChange, backend, threads, build, plugin, progress, trainingMemory } = options;
  const storage = openStorage();
  const source: ExperimentSource = file === undefined ? typedQuantizer : { kind: "file", file };
  const task = readTask(await readTrainingFields(storage, source, options), source, { trainingMemory });
  const registry = await loadRegistry(storage, plugin);
  return saveOnInterrupt(out, async (signal) => {
    await checkRunFolder(storage, out, task, { resume });
    const train = await task.prepare(registry);
    const engine = await openEngine({ backend, threads, build }, "training");
    const { model, epochs } = task.experiment;
    const reporter = trainingReporter({ label: model, epochs, show: progress, engine });
    try {
      signal.throwIfAborted(); // nothing has been written yet
      if (resume && !(await storage.exists(`${out}/manifest.json`)))
        note(`there is no checkpoint in ${out}: starting from the beginning`);
      const run = { engine, storage, out, resume, allowBuildChange, signal, callbacks: reporter.callbacks };
      const trained = await train(run);
      if (trained.start === "finished") note(`the run in ${out} is finished; this is its result`);
      return trained;
    } finally {
      reporter.stop();
      await engine.close();
    }
  });
}

/** The overrides that were typed as a field, if there are any. */
function withOverrides({ override = [], ...options }: { override?: readonly string[] }): object {
  return override.length === 0 ? options : { ...options, overrides: parseOverrides(override) };
}

/** The quantizer options that were typed as a field, if there are any. */
function withQuantizerOptions({ quantizerOption = [], ...options }: { quantizerOption?: readonly string[] }): object {
  const quantizerOptions = parseQuantizerOptions(quantizerOption);
  return quantizerOptions === undefined ? options : { ...options, quantizerOptions };
}

/** The fields of an experiment of either kind, as options or a file give them. */
async function readTrainingFields(storage: Storage, source: ExperimentSource, options: object): Promise<unknown> {
  const known = [experimentSchema, textExperimentSchema].flatMap(({ shape }) => Object.keys(shape));
  return readFields(storage, source, withQuantizerOptions(withOverrides(options)), known, (given) => {
    for (const name of ["model", "data"]) {
      if (name in given) continue;
      throw new ArgumentError(`train needs --${name}`, {
        want: `--${name} NAME: lowbit list ${name === "data" ? "datasets" : "models"}`,
      });
    }
  });
}
