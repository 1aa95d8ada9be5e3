import { ArgumentError, createStream, type Engine, fillUniform, type HostTensor } from "@lowbit/core-tensor";
import { resetCarried } from "@lowbit/nn";
import type { LanguageModel } from "./language-model.js";

export interface GenerateOptions {
  /** Tokens that the model reads first, at least one. */
  readonly prompt: readonly number[];
  readonly length: number;
  /** Logits are divided by it: below 1 the likely gets likelier; 0 always takes the likeliest. 1 where absent. */
  readonly temperature?: number;
  /** 0 where absent. */
  readonly seed?: number;
  /** Tokens that are never written. */
  readonly without?: readonly number[];
}

/**
 * Goes on with a text, token by token. The step is compiled once, its state stays in the engine, and each call reads one token.
 *
 * @throws {ArgumentError} for a prompt of no tokens, a token that the model lacks, or an option that makes no sense
 * @example for await (const token of generateTokens(engine, model, { prompt: [4, 8], length: 100 })) write(vocabulary[token]);
 */
export async function* generateTokens(
  engine: Engine,
  model: LanguageModel,
  options: GenerateOptions,
): AsyncGenerator<number, void> {
  const { prompt, length, temperature = 1, seed = 0, without = [] } = options;
  const { vocabulary } = model.options;
  if (prompt.length === 0 || !prompt.every((token) => Number.isInteger(token) && token >= 0 && token < vocabulary)) {
    throw new ArgumentError("a text can't go on from this prompt", {
      where: "prompt",
      want: `one token or more, each from 0 to ${vocabulary - 1}`,
      got: prompt.slice(0, 10),
    });
  }
  if (!(temperature >= 0 && Number.isFinite(temperature))) {
    throw new ArgumentError(`a temperature can't be ${temperature}`, { want: "a number from 0", got: temperature });
  }
  const step = engine.compile(({ token }) => ({ logits: model.forward(token, { training: false }) }));
  await resetCarried(engine, model);
  const read = async (token: number): Promise<HostTensor> =>
    (await step({ token: { dtype: "i32", shape: [1, 1], data: Int32Array.of(token) } })).logits;
  let logits = await read(prompt[0]);
  for (const token of prompt.slice(1)) logits = await read(token);
  let stream = createStream(seed, "generate");
  const draw = new Float32Array(1);
  const weights = new Float64Array(vocabulary);
  for (let written = 0; written < length; written++) {
    stream = fillUniform(draw, stream);
    const token = pickToken(logits.data, { temperature, without, draw: draw[0], weights });
    yield token;
    logits = await read(token);
  }
}

/** The token at which the running sum of the probabilities passes `draw`, which is uniform in [0, 1). */
function pickToken(
  logits: ArrayLike<number>,
  options: { temperature: number; without: readonly number[]; draw: number; weights: Float64Array },
): number {
  const { temperature, without, draw, weights } = options;
  const isAllowed = (token: number) => !without.includes(token);
  let best = -1;
  for (let token = 0; token < logits.length; token++) {
    if (isAllowed(token) && (best < 0 || logits[token] > logits[best])) best = token;
  }
  if (temperature === 0) return best;
  let total = 0;
  for (let token = 0; token < logits.length; token++) {
    weights[token] = isAllowed(token) ? Math.exp((logits[token] - logits[best]) / temperature) : 0;
    total += weights[token];
  }
  let passed = 0;
  for (let token = 0; token < logits.length; token++) {
    passed += weights[token];
    if (passed > draw * total) return token;
  }
  return best;
}
