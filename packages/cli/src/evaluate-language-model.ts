import type { Engine, Explanation } from "@lowbit/core-tensor";
import type { TextDataset } from "@lowbit/data";
import { compileForward, evaluateLogits, resetCarried } from "@lowbit/nn";
import { parsePrecision, type Quantization } from "@lowbit/quant";
import { type LayerKernel, weightedOperations } from "./evaluate-network.js";
import type { OpenedLanguageModel } from "./language-model-folder.js";
import { evaluationLoader, scoreText, type TextScore } from "./text-score.js";

/** What `lowbit eval` finds out of a language model, trained or packed. */
export interface LanguageModelEvaluation extends TextScore {
  readonly folder: string;
  readonly kind: OpenedLanguageModel["kind"];
  readonly level: string;
  readonly tokensPerSecond: number;
  readonly packedBytes: number;
  readonly latentBytes: number;
  readonly backend: string;
  readonly build: string;
  readonly threads: number;
  readonly kernels: readonly LayerKernel[];
}

/** Evaluates a language model on the test part of a text. */
export async function evaluateLanguageModel(
  { folder, kind, model, load, notes }: OpenedLanguageModel,
  run: {
    readonly engine: Engine;
    readonly text: TextDataset;
    readonly signal?: AbortSignal;
    readonly onBatch?: (tokens: number) => void;
  },
): Promise<LanguageModelEvaluation> {
  const { engine, text, signal, onBatch } = run;
  await load(engine);
  const loader = evaluationLoader(text.test);
  const logitsOf = compileForward(engine, model);
  // Planning is no part of the speed: the first batch runs once before. On the slow reference it would cost more than it tells.
  if (engine.backend.name !== "js") {
    for await (const { images } of loader) {
      await logitsOf({ images });
      break;
    }
  }
  await resetCarried(engine, model);
  const { loss, images, imagesPerSecond } = await evaluateLogits(logitsOf, { loader, signal, onBatch });
  const { name, build, threads } = engine.backend;
  return {
    ...{ folder, kind, level: notes.data.level },
    ...scoreText({ loss, tokens: images }, text),
    tokensPerSecond: imagesPerSecond,
    packedBytes: model.packedBytes,
    latentBytes: model.latentBytes,
    ...{ backend: name, build, threads },
    kernels: recurrentKernels(logitsOf.explain(), model.quantization),
  };
}

/** The kernels of the weighted layers in order of computing, each once however many steps run it. */
export function recurrentKernels({ programs }: Explanation, { precision, layers }: Quantization): LayerKernel[] {
  const { weightBits, inputBits } = parsePrecision(precision);
  const quantized = new Map(layers.map((each) => [each.layer, each]));
  const found = new Map<string, LayerKernel>();
  for (const { op, once, layer, kernel } of programs[0]?.calls ?? []) {
    if (!weightedOperations.has(op) || once) continue;
    const { weight, input } = quantized.get(layer) ?? {};
    found.set(`${layer}, ${kernel}`, { layer, kernel, wBits: weight ? weightBits : 32, aBits: input ? inputBits : 32 });
  }
  return [...found.values()];
}
