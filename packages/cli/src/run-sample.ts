import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { encodeTokens, joinTokens, tokenize } from "@lowbit/data";
import { generateTokens } from "@lowbit/rnn";
import { openLanguageModel } from "./language-model-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { loadRegistry } from "./plugins.js";
import { warn } from "./print.js";

export interface SampleOptions extends Partial<EngineChoice> {
  readonly prompt: string;
  readonly length: number;
  readonly temperature: number;
  readonly seed: number;
  readonly backend: string;
  readonly plugin: readonly string[];
}

/** How a language model went on with a text. */
export interface Sample {
  readonly folder: string;
  readonly prompt: string;
  /** What it wrote, without the prompt. */
  readonly text: string;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly temperature: number;
  readonly seed: number;
}

/** Number of "<unk>", which nobody wants to read. */
const UNKNOWN_TOKEN = 0;

/** `lowbit sample`, from what was typed to the text. */
export async function runSample(folder: string, options: SampleOptions): Promise<Sample> {
  const { prompt, length, temperature, seed, plugin, backend, threads, build } = options;
  const storage = openStorage();
  const registry = await loadRegistry(storage, plugin);
  const { model, notes, load } = await openLanguageModel(storage, folder, registry);
  const { level, vocabulary } = notes.data;
  const words = tokenize(prompt, level);
  if (level === "word") words.pop(); // the prompt's line goes on
  if (words.length === 0) {
    throw new ArgumentError("the prompt is empty", { where: "--prompt", want: `at least one ${level}`, got: prompt });
  }
  const tokens = [...encodeTokens(words, vocabulary)];
  const strange = words.filter((word, i) => tokens[i] === UNKNOWN_TOKEN && word !== vocabulary[UNKNOWN_TOKEN]);
  if (strange.length > 0) warn(`the network does not know ${strange.map((word) => JSON.stringify(word)).join(", ")}`);
  const engine = await openEngine({ backend, threads, build }, "inference");
  try {
    await load(engine);
    const written: string[] = [];
    let started = performance.now();
    const wanted = { prompt: tokens, length, temperature, seed, without: [UNKNOWN_TOKEN] };
    for await (const token of generateTokens(engine, model, wanted)) {
      if (written.length === 0) started = performance.now(); // planning and the prompt are no part of the speed
      written.push(vocabulary[token]);
    }
    const seconds = (performance.now() - started) / 1000;
    const text = joinTokens([...words, ...written], level).slice(joinTokens(words, level).length);
    const tokensPerSecond = (written.length - 1) / seconds;
    return { folder, prompt, text, tokens: written.length, tokensPerSecond, temperature, seed };
  } finally {
    await engine.close();
  }
}
