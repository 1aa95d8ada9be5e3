import { ConfigurationError } from "@lowbit/core-tensor";
import { openGeneration, type Storage } from "@lowbit/core-tensor/storage";
import { compareSettings, type JsonRecord, type Start, type TrainingCallbacks } from "@lowbit/nn";
import type { Registry, TrainingMemory } from "@lowbit/quant";
import type { z } from "zod";
import { type ExperimentSource, experimentSchema, parseExperiment } from "./experiment.js";
import { checkOutFolder } from "./out-folder.js";
import { warn } from "./print.js";
import { isClassification, isTextExperiment, parseTextExperiment, textExperimentSchema } from "./text-experiment.js";
import {
  formatTrainedLanguageModel,
  prepareTextExperiment,
  type TrainedLanguageModel,
  trainLanguageModel,
} from "./train-language-model.js";
import { formatTrained, prepareExperiment, type TrainedNetwork, trainNetwork } from "./train-network.js";
import {
  formatTrainedTextClassifier,
  prepareTextClassifier,
  type TrainedTextClassifier,
  trainTextClassifier,
} from "./train-text-classifier.js";
import type { TrainingRun } from "./training-run.js";
import { watchLayers } from "./watch-layers.js";

/** What a run trained, as JSON and for people. */
export interface Trained {
  readonly start: Start;
  readonly network: TrainedNetwork | TrainedLanguageModel | TrainedTextClassifier;
  readonly text: string;
}

/** An experiment of one of the kinds that `lowbit train` knows. */
export interface TrainingTask {
  readonly schema: z.ZodObject;
  readonly experiment: { readonly model: string; readonly epochs: number };
  /** Does all that can go wrong before the first file is written; what it resolves to trains. */
  prepare(registry: Registry): Promise<(run: TrainingRun) => Promise<Trained>>;
}

/** Reads an experiment: of a recurrent network where its model is one, for labelled texts or to go on with a text; of a network for images otherwise. */
export function readTask(fields: unknown, source: ExperimentSource, memory: TrainingMemory): TrainingTask {
  if (isTextExperiment(fields)) {
    const experiment = parseTextExperiment(fields, source);
    return {
      schema: textExperimentSchema,
      experiment,
      prepare: async (registry) => {
        if (isClassification(experiment)) {
          const prepared = await prepareTextClassifier(experiment, { source, registry });
          return async (run) => {
            const { network, start } = await trainTextClassifier(prepared, run);
            return { start, network, text: formatTrainedTextClassifier(network) };
          };
        }
        const prepared = await prepareTextExperiment(experiment, { source, registry });
        return async (run) => {
          const { network, start } = await trainLanguageModel(prepared, run);
          return { start, network, text: formatTrainedLanguageModel(network) };
        };
      },
    };
  }
  const experiment = parseExperiment(fields, source);
  return {
    schema: experimentSchema,
    experiment,
    prepare: async (registry) => {
      const prepared = await prepareExperiment(experiment, { source, registry, warn, ...memory });
      return async (run) => {
        const watch = watchLayers(prepared.model, run.engine, prepared.calibration);
        const onEpoch: TrainingCallbacks["onEpoch"] = async (report, log) => {
          await run.callbacks.onEpoch?.(report, log);
          const layers = await watch();
          if (layers.length > 0) log({ event: "codes", epoch: report.epoch, layers });
        };
        const { network, start } = await trainNetwork(prepared, { ...run, callbacks: { ...run.callbacks, onEpoch } });
        return { start, network, text: formatTrained(network) };
      };
    },
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
  { schema, experiment }: Pick<TrainingTask, "schema" | "experiment">,
  { resume }: { readonly resume: boolean },
): Promise<void> {
  await checkOutFolder(storage, out, { resume });
  const state = resume ? (await openGeneration(storage, out))?.state : undefined;
  const stored = (state as { identity?: { experiment?: unknown } } | undefined)?.identity?.experiment;
  const was = schema.safeParse(stored);
  if (!was.success) return; // whatever it is, opening the run says what is wrong with it
  const differences = compareSettings(was.data as JsonRecord, experiment as unknown as JsonRecord);
  if (!differences) return;
  const told = differences.told.slice(0, 3).join("; ");
  throw new ConfigurationError(`the run in this folder can't be resumed as another: ${told}`, {
    where: out,
    want: differences.was,
    got: differences.is,
    hint: "the settings that the run began with, or another --out",
  });
}
