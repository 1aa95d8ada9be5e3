import { createTextLoader, resolveText, type TextDataset } from "@lowbit/data";
import { clipGradients, type EpochReport, type JsonRecord, type Start, train } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import { type LanguageModel, languageModel, planCellQuantization, recurrentLayerNames } from "@lowbit/rnn";
import { type ExperimentSource, resolveField } from "./experiment.js";
import { openNamedText } from "./open-named-text.js";
import { type ResolvedExperiment, resolveTraining } from "./resolve-experiment.js";
import type { TextExperiment } from "./text-experiment.js";
import { textNotesFor } from "./text-notes.js";
import { evaluationLoader, scoreText, type TextScore } from "./text-score.js";
import type { TrainingRun } from "./training-run.js";

/** A text experiment whose names have been found, text read and model built: nothing has been written yet. */
export interface PreparedTextExperiment {
  readonly experiment: TextExperiment;
  readonly resolved: ResolvedExperiment;
  readonly text: TextDataset;
  readonly reading: Reading;
  readonly model: LanguageModel;
}

/** How a training text is read: pieces side by side, and tokens of each in one step. */
interface Reading {
  readonly streams: number;
  readonly steps: number;
}

const MOST_STREAMS = 32;
const MOST_STEPS = 32;
const STEPS_WANTED = 400;

/** As many tokens a step as leave an epoch some four hundred steps: a network learns by steps, however short the text. */
function readingOf(tokens: number, { batch, steps }: Pick<TextExperiment, "batch" | "steps">): Reading {
  const tokensAStep = tokens / STEPS_WANTED;
  const length = steps ?? Math.max(4, Math.min(MOST_STEPS, Math.floor(tokensAStep / (batch ?? 1))));
  const streams = batch ?? Math.max(1, Math.min(MOST_STREAMS, Math.floor(tokensAStep / length)));
  return { streams, steps: length };
}

/** Does all that can go wrong before the first file is written: finds names, reads the text, builds the model. */
export async function prepareTextExperiment(
  experiment: TextExperiment,
  { source, registry }: { readonly source: ExperimentSource; readonly registry: Registry },
): Promise<PreparedTextExperiment> {
  resolveField(source, "data", () => resolveText(experiment.data));
  const resolved = resolveTraining(experiment, source, registry);
  const { level, vocabulary: size, width, layers, dropout, seed, precision, weightScale: scale, limit } = experiment;
  const where = source.kind === "file" ? `${source.file}, data` : "--data";
  const whole = await openNamedText(experiment.data, where, { level, size });
  const text = limit === undefined ? whole : limitText(whole, limit);
  const hidden = Math.max(1, Math.round(experiment.hidden * width));
  const reading = readingOf(text.train.length, experiment);
  resolveField(source, "batch", () => createTextLoader(text.train, { ...reading, dropLast: true }));
  const cells = recurrentLayerNames(layers).map((name) => ({ name, hiddenSize: hidden }));
  const quantization = planCellQuantization(cells, { precision, scheme: resolved.scheme, scale });
  const { variational, tied } = experiment;
  const sizes = { vocabulary: text.vocabulary.length, hidden, layers, streams: reading.streams };
  const options = { ...sizes, dropout, variational, tied, seed };
  const model = resolveField(source, "model", () =>
    languageModel(experiment.model, options, { quantization, registry }),
  );
  const clipped = clipGradients(resolved.optimiser, { norm: experiment.clipNorm });
  return { experiment, resolved: { ...resolved, optimiser: clipped }, text, reading, model };
}

/** The first tokens of both parts of a text. */
export function limitText(text: TextDataset, limit: number): TextDataset {
  const test = text.test.subarray(0, limit);
  const testCharacters = text.testCharacters * (test.length / text.test.length);
  return { ...text, train: text.train.subarray(0, limit), test, testCharacters };
}

/** How a run ended: the same for a run, a resumed run, and a finished run that is asked again. */
export interface TrainedLanguageModel extends TextScore {
  readonly out: string;
  readonly model: string;
  readonly level: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly hidden: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly seed: number;
  readonly epochs: number;
  readonly steps: number;
  /** Mean cross-entropy on the training text, over the last epoch. */
  readonly trainLoss: number;
  readonly latentBytes: number;
  readonly packedBytes: number;
}

/** Trains a prepared text experiment into a folder, or goes on with the run that is there. */
export async function trainLanguageModel(
  { experiment, resolved, text, reading, model }: PreparedTextExperiment,
  run: TrainingRun,
): Promise<{ readonly network: TrainedLanguageModel; readonly start: Start }> {
  const { engine, storage, out, resume, allowBuildChange, signal, callbacks } = run;
  const identity = { ...textNotesFor(experiment, text), reading, quantization: model.quantization };
  const { start, result } = await train({
    ...{ engine, model, callbacks, signal, epochs: experiment.epochs },
    loader: createTextLoader(text.train, { ...reading, dropLast: true }),
    evaluate: evaluationLoader(text.test),
    optimiser: resolved.optimiser,
    schedule: resolved.schedule,
    checkpoint: {
      ...{ storage, folder: out, resume, allowBuildChange },
      identity: JSON.parse(JSON.stringify(identity)) as JsonRecord,
    },
  });
  return { start, network: describeTrained(experiment, { model, text, out, result }) };
}

function describeTrained(
  experiment: TextExperiment,
  made: {
    readonly model: LanguageModel;
    readonly text: TextDataset;
    readonly out: string;
    readonly result: EpochReport;
  },
): TrainedLanguageModel {
  const { level, precision, quantizer, seed, epochs } = experiment;
  const { model, text, out, result } = made;
  const { loss, images } = result.evaluation ?? { loss: result.loss, images: 0 };
  const { hidden, layers, vocabulary } = model.options;
  return {
    ...{ out, model: experiment.model, level, precision, quantizer, hidden, layers, vocabulary, seed, epochs },
    steps: result.step,
    trainLoss: result.loss,
    ...scoreText({ loss, tokens: images }, text),
    latentBytes: model.latentBytes,
    packedBytes: model.packedBytes,
  };
}

export function formatTrainedLanguageModel(network: TrainedLanguageModel): string {
  const { model, level, precision, quantizer, hidden, layers, bitsPerCharacter, perplexity, tokens, steps, out } =
    network;
  const how = precision === "fp32" ? "fp32" : `${precision} by ${quantizer}`;
  const stack = layers === 1 ? "" : `${layers} layers of `;
  return [
    `${model}, ${how}, ${stack}${hidden} hidden units: ${bitsPerCharacter.toFixed(3)} bits per character, perplexity ${perplexity.toFixed(2)} on ${tokens} test tokens (${level}s)`,
    `training loss ${network.trainLoss.toFixed(4)} in the last epoch, ${steps} steps`,
    `written to ${out}`,
  ].join("\n");
}
