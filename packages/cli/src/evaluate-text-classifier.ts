import type { LabelledTextDataset } from "@lowbit/data";
import { compileForward, evaluateLogits } from "@lowbit/nn";
import { recurrentKernels } from "./evaluate-language-model.js";
import type { LayerKernel } from "./evaluate-network.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { openNamedLabelledText } from "./open-named-text.js";
import { note, warn } from "./print.js";
import type { OpenedTextClassifier } from "./text-classifier-folder.js";
import { limitLabelled, testLoader } from "./train-text-classifier.js";

/** What `lowbit eval` finds out of a text classifier, trained or packed. */
export interface TextClassifierEvaluation {
  readonly folder: string;
  readonly kind: OpenedTextClassifier["kind"];
  /** In per cent. */
  readonly accuracy: number;
  readonly loss: number;
  readonly texts: number;
  readonly textsPerSecond: number;
  readonly packedBytes: number;
  readonly latentBytes: number;
  readonly backend: string;
  readonly build: string;
  readonly threads: number;
  readonly kernels: readonly LayerKernel[];
}

/** Evaluates a text classifier on the test texts that it was trained beside, or on those of other labelled texts of its classes. */
export async function evaluateTextClassifier(
  network: OpenedTextClassifier,
  options: Partial<EngineChoice> & {
    readonly backend: string;
    readonly data?: string;
    readonly limit?: number;
    readonly batch: number;
  },
): Promise<TextClassifierEvaluation> {
  const { folder, kind, model, notes, isFinished } = network;
  if (!isFinished) note(`the run in ${folder} is not finished; this is where it stands`);
  const { length } = notes.data;
  const dataset = await openTestTexts(network, options);
  const { backend, threads, build, batch } = options;
  const engine = await openEngine({ backend, threads, build }, "inference");
  try {
    await network.load(engine);
    const logitsOf = compileForward(engine, model);
    const found = await evaluateLogits(logitsOf, { loader: testLoader(dataset, { batch, length }) });
    const { accuracy, loss, images: texts, imagesPerSecond: textsPerSecond } = found;
    const { name, build: kernels, threads: used } = engine.backend;
    return {
      ...{ folder, kind, accuracy, loss, texts, textsPerSecond },
      ...{ packedBytes: model.packedBytes, latentBytes: model.latentBytes },
      ...{ backend: name, build: kernels, threads: used },
      kernels: recurrentKernels(logitsOf.explain(), model.quantization),
    };
  } finally {
    await engine.close();
  }
}

async function openTestTexts(
  { notes }: OpenedTextClassifier,
  options: { readonly data?: string; readonly limit?: number },
): Promise<LabelledTextDataset> {
  const { level, vocabulary, classes, length, fingerprint } = notes.data;
  const name = options.data ?? notes.experiment.data;
  const whole = await openNamedLabelledText(name, "--data", { level, vocabulary, classes, length });
  if (whole.fingerprint !== fingerprint) warn(`${name} is not what this network was trained on`);
  const limit = options.limit ?? notes.experiment.limit;
  return limit === undefined ? whole : limitLabelled(whole, limit);
}
