import {
  createLabelledTextLoader,
  type LabelledSplit,
  type LabelledTextDataset,
  type LabelledTextLoader,
} from "@lowbit/data";
import { clipGradients, type EpochReport, type JsonRecord, type Start, train } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import { planCellQuantization, recurrentLayerNames, type TextClassifier, textClassifier } from "@lowbit/rnn";
import { type ExperimentSource, mistakeIn, resolveField } from "./experiment.js";
import { openNamedLabelledText } from "./open-named-text.js";
import { type ResolvedExperiment, resolveTraining } from "./resolve-experiment.js";
import { textClassifierNotesFor } from "./text-classifier-notes.js";
import type { TextExperiment } from "./text-experiment.js";
import type { TrainingRun } from "./training-run.js";

/** An experiment with labelled texts whose names have been found, texts read and model built: nothing has been written yet. */
export interface PreparedTextClassifier {
  readonly experiment: TextExperiment;
  readonly resolved: ResolvedExperiment;
  readonly dataset: LabelledTextDataset;
  readonly batch: number;
  /** Tokens of each text that the network reads. */
  readonly length: number;
  readonly model: TextClassifier;
}

const BATCH = 32;
const LENGTH = 64;

/** Does all that can go wrong before the first file is written: finds names, reads the texts, builds the model. */
export async function prepareTextClassifier(
  experiment: TextExperiment,
  { source, registry }: { readonly source: ExperimentSource; readonly registry: Registry },
): Promise<PreparedTextClassifier> {
  const resolved = resolveTraining(experiment, source, registry);
  const { model: cell, level, vocabulary: size, width, layers, dropout, variational, seed, precision } = experiment;
  if (experiment.tied) {
    throw mistakeIn(source, "tied", "a text classifier can't be tied: its output layer tells classes, not tokens", {});
  }
  const { batch = BATCH, steps: length = LENGTH, limit } = experiment;
  const where = source.kind === "file" ? `${source.file}, data` : "--data";
  const whole = await openNamedLabelledText(experiment.data, where, { level, size, length });
  const dataset = limit === undefined ? whole : limitLabelled(whole, limit);
  resolveField(source, "batch", () => trainingLoader(dataset, { batch, length, seed }));
  const hidden = Math.max(1, Math.round(experiment.hidden * width));
  const cells = recurrentLayerNames(layers).map((name) => ({ name, hiddenSize: hidden }));
  const scale = experiment.weightScale;
  const quantization = planCellQuantization(cells, { precision, scheme: resolved.scheme, scale });
  const sizes = { vocabulary: dataset.vocabulary.length, classes: dataset.classes.length, hidden, layers };
  const model = resolveField(source, "model", () =>
    textClassifier({ cell, ...sizes, dropout, variational, seed }, { quantization, registry }),
  );
  const clipped = clipGradients(resolved.optimiser, { norm: experiment.clipNorm });
  return { experiment, resolved: { ...resolved, optimiser: clipped }, dataset, batch, length, model };
}

const trainingLoader = (
  { train: split, vocabulary }: LabelledTextDataset,
  options: { readonly batch: number; readonly length: number; readonly seed: number },
): LabelledTextLoader =>
  createLabelledTextLoader(split, { ...options, padding: vocabulary.length, shuffle: true, dropLast: true });

/** The test texts in their order. */
export const testLoader = (
  { test, vocabulary }: LabelledTextDataset,
  { batch, length }: { readonly batch: number; readonly length: number },
): LabelledTextLoader => createLabelledTextLoader(test, { batch, length, padding: vocabulary.length });

/** The first texts of both parts. */
export function limitLabelled(dataset: LabelledTextDataset, limit: number): LabelledTextDataset {
  const first = ({ texts, labels }: LabelledSplit): LabelledSplit => ({
    texts: texts.slice(0, limit),
    labels: labels.subarray(0, limit),
  });
  return { ...dataset, train: first(dataset.train), test: first(dataset.test) };
}

/** How a run ended: the same for a run, a resumed run, and a finished run that is asked again. */
export interface TrainedTextClassifier {
  readonly out: string;
  readonly model: string;
  readonly level: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly hidden: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly classes: number;
  readonly seed: number;
  readonly epochs: number;
  readonly steps: number;
  /** Of the test texts that were told right, in per cent. */
  readonly accuracy: number;
  readonly loss: number;
  readonly trainAccuracy: number;
  readonly trainLoss: number;
  readonly texts: number;
  readonly latentBytes: number;
  readonly packedBytes: number;
}

/** Trains a prepared text classifier into a folder, or goes on with the run that is there. */
export async function trainTextClassifier(
  prepared: PreparedTextClassifier,
  run: TrainingRun,
): Promise<{ readonly network: TrainedTextClassifier; readonly start: Start }> {
  const { experiment, resolved, dataset, batch, length, model } = prepared;
  const { engine, storage, out, resume, allowBuildChange, signal, callbacks } = run;
  const identity = { ...textClassifierNotesFor(experiment, dataset, length), quantization: model.quantization };
  const { start, result } = await train({
    ...{ engine, model, callbacks, signal, epochs: experiment.epochs },
    loader: trainingLoader(dataset, { batch, length, seed: experiment.seed }),
    evaluate: testLoader(dataset, { batch, length }),
    optimiser: resolved.optimiser,
    schedule: resolved.schedule,
    checkpoint: {
      ...{ storage, folder: out, resume, allowBuildChange },
      identity: JSON.parse(JSON.stringify(identity)) as JsonRecord,
    },
  });
  return { start, network: describeTrained(prepared, out, result) };
}

function describeTrained(
  { experiment, model }: PreparedTextClassifier,
  out: string,
  result: EpochReport,
): TrainedTextClassifier {
  const { level, precision, quantizer, seed, epochs } = experiment;
  const { accuracy, loss, images: texts } = result.evaluation ?? { ...result, images: 0 };
  const { hidden, layers, vocabulary, classes, cell } = model.options;
  return {
    ...{ out, model: cell, level, precision, quantizer, hidden, layers, vocabulary, classes, seed, epochs },
    steps: result.step,
    ...{ accuracy, loss, trainAccuracy: result.accuracy, trainLoss: result.loss, texts },
    latentBytes: model.latentBytes,
    packedBytes: model.packedBytes,
  };
}

export function formatTrainedTextClassifier(network: TrainedTextClassifier): string {
  const { model, precision, quantizer, hidden, accuracy, texts, trainAccuracy, steps, out } = network;
  const how = precision === "fp32" ? "fp32" : `${precision} by ${quantizer}`;
  return [
    `${model}, ${how}, ${hidden} hidden units: ${accuracy.toFixed(2)} % of ${texts} test texts right`,
    `${trainAccuracy.toFixed(2)} % of the training texts in the last epoch, ${steps} steps`,
    `written to ${out}`,
  ].join("\n");
}
