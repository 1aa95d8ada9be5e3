import { openStorage } from "@lowbit/core-tensor/storage";
import { evaluateLanguageModel, type LanguageModelEvaluation } from "./evaluate-language-model.js";
import { evaluateNetwork, type NetworkEvaluation } from "./evaluate-network.js";
import { evaluateTextClassifier, type TextClassifierEvaluation } from "./evaluate-text-classifier.js";
import { findLanguageModel, type OpenedLanguageModel } from "./language-model-folder.js";
import { type Network, openNetwork } from "./network-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { openNamedDataset } from "./open-named-dataset.js";
import { openNamedText } from "./open-named-text.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { startProgress } from "./progress.js";
import { formatBytes, formatTable } from "./table.js";
import { findTextClassifier } from "./text-classifier-folder.js";
import { limitText } from "./train-language-model.js";

export interface EvalOptions extends Partial<EngineChoice> {
  readonly backend: string;
  readonly data?: string;
  readonly limit?: number;
  readonly batch: number;
  readonly plugin: readonly string[];
  readonly progress: boolean;
}

/** `lowbit eval`, from what was typed to the figures, and how people read them. */
export async function runEvaluation(
  folder: string,
  options: EvalOptions,
): Promise<{
  readonly figures: NetworkEvaluation | LanguageModelEvaluation | TextClassifierEvaluation;
  readonly text: string;
}> {
  const storage = openStorage();
  const registry = await loadRegistry(storage, options.plugin);
  const languageModel = await findLanguageModel(storage, folder, registry);
  if (languageModel) {
    const figures = await evaluateText(languageModel, options);
    return { figures, text: formatTextEvaluation(figures) };
  }
  const classifier = await findTextClassifier(storage, folder, registry);
  if (classifier) {
    const figures = await evaluateTextClassifier(classifier, options);
    return { figures, text: formatClassifierEvaluation(figures) };
  }
  const figures = await evaluateImages(await openNetwork(storage, folder, registry), options);
  return { figures, text: formatEvaluation(figures) };
}

/** The figures of a network for images alone. */
export async function runImageEvaluation(folder: string, options: EvalOptions): Promise<NetworkEvaluation> {
  const storage = openStorage();
  return evaluateImages(await openNetwork(storage, folder, await loadRegistry(storage, options.plugin)), options);
}

async function evaluateText(network: OpenedLanguageModel, options: EvalOptions): Promise<LanguageModelEvaluation> {
  if (!network.isFinished) note(`the run in ${network.folder} is not finished; this is where it stands`);
  const { experiment, data } = network.notes;
  const { level, vocabulary, fingerprint } = data;
  const name = options.data ?? experiment.data;
  const whole = await openNamedText(name, "--data", { level, vocabulary });
  if (whole.fingerprint !== fingerprint) warn(`${name} is not what this network was trained on`);
  const limit = options.limit ?? experiment.limit;
  const text = limit === undefined ? whole : limitText(whole, limit);
  const { backend, threads, build } = options;
  const engine = await openEngine({ backend, threads, build }, "inference");
  const progress = startProgress("evaluating", text.test.length, { show: options.progress });
  try {
    const onBatch = (tokens: number) => progress.update(tokens);
    return await evaluateLanguageModel(network, { engine, text, onBatch });
  } finally {
    progress.stop();
    await engine.close();
  }
}

async function evaluateImages(network: Network, options: EvalOptions): Promise<NetworkEvaluation> {
  const { folder } = network;
  if (network.kind === "trained" && !network.isFinished)
    note(`the run in ${folder} is not finished; this is where it stands`);
  const { experiment, data } = network.notes;
  const dataset = await openNamedDataset(options.data ?? experiment.data, "--data");
  if (dataset.fingerprint !== data.fingerprint)
    warn(`${options.data ?? experiment.data} is not what this network was trained on`);
  const { backend, threads, build } = options;
  const engine = await openEngine({ backend, threads, build }, "inference");
  const limit = options.limit ?? experiment.limit;
  const progress = startProgress("evaluating", Math.min(limit ?? dataset.test.count, dataset.test.count), {
    show: options.progress,
  });
  try {
    const onBatch = (images: number) => progress.update(images);
    return await evaluateNetwork(network, { engine, dataset, limit, batch: options.batch, onBatch });
  } finally {
    progress.stop();
    await engine.close();
  }
}

function formatEvaluation(found: NetworkEvaluation): string {
  const { accuracy, top5, loss, images, imagesPerSecond } = found;
  return [
    `${accuracy.toFixed(2)} % of ${images} images right (top 5: ${top5.toFixed(2)} %), loss ${loss.toFixed(4)}`,
    `${imagesPerSecond.toFixed(0)} images/s on ${formatEngine(found)}`,
    ...formatWeights(found),
  ].join("\n");
}

function formatTextEvaluation(found: LanguageModelEvaluation): string {
  const { bitsPerCharacter, perplexity, loss, tokens, tokensPerSecond, level } = found;
  return [
    `${bitsPerCharacter.toFixed(3)} bits per character, perplexity ${perplexity.toFixed(2)} on ${tokens} tokens (${level}s), loss ${loss.toFixed(4)}`,
    `${tokensPerSecond.toFixed(0)} tokens/s on ${formatEngine(found)}`,
    ...formatWeights(found),
  ].join("\n");
}

function formatClassifierEvaluation(found: TextClassifierEvaluation): string {
  const { accuracy, loss, texts, textsPerSecond } = found;
  return [
    `${accuracy.toFixed(2)} % of ${texts} texts right, loss ${loss.toFixed(4)}`,
    `${textsPerSecond.toFixed(0)} texts/s on ${formatEngine(found)}`,
    ...formatWeights(found),
  ].join("\n");
}

type Measured = Pick<NetworkEvaluation, "backend" | "build" | "threads" | "latentBytes" | "packedBytes" | "kernels">;

const formatEngine = ({ backend, build, threads }: Measured): string =>
  `${backend} ${build}, ${threads} thread${threads === 1 ? "" : "s"}`;

function formatWeights({ latentBytes, packedBytes, kernels }: Measured): string[] {
  const table = formatTable(
    [
      { title: "layer", value: (row) => row.layer },
      { title: "weights", value: (row) => (row.wBits === 32 ? "fp32" : `${row.wBits} bit`), isNumber: true },
      { title: "input", value: (row) => (row.aBits === 32 ? "fp32" : `${row.aBits} bit`), isNumber: true },
      { title: "kernel", value: (row) => row.kernel },
    ],
    kernels,
  );
  return [`latent weights ${formatBytes(latentBytes)}, packed ${formatBytes(packedBytes)}`, "", table];
}
