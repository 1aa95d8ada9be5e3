import { ArgumentError, createStream, type Engine, fillUniform, type HostArray } from "@lowbit/core-tensor";
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
 * Goes on with a text, token by token. The step is compiled once, its state stays in the engine, and each call reads one token; logits,
 * weights and random numbers lie in arrays that are made before the first.
 *
 * @throws {ArgumentError} for a prompt of no tokens, a token that the model lacks, or an option that makes no sense
 * @example for await (const token of generateTokens(engine, model, { prompt: [4, 8], length: 100 })) write(vocabulary[token]);
 */
export async function* generateTokens(
  engine: Engine,
  model: LanguageModel,
  options: GenerateOptions,
): AsyncGenerator<number, void> {
  const { prompt, length, temperature = 1 } = options;
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
  const step = engine.compile(({ token }) => ({ logits: model.forward(token, { training: false }) }), {
    reuseResults: true,
  });
  await resetCarried(engine, model);
  const inputs = { token: { dtype: "i32", shape: [1, 1], data: new Int32Array(1) } } as const;
  const read = async (token: number): Promise<HostArray> => {
    inputs.token.data[0] = token;
    return (await step(inputs)).logits.data;
  };
  const pick = tokenPicker(vocabulary, options);
  let logits = await read(prompt[0]);
  for (const token of prompt.slice(1)) logits = await read(token);
  for (let written = 0; written < length; written++) {
    const token = pick(logits);
    yield token;
    logits = await read(token);
  }
}

/** Random numbers that are drawn together. */
const DRAWS = 1024;

/** Picks a token for logits [vocabulary]: the likeliest at temperature 0, else one at random, as likely as the network says. */
function tokenPicker(
  vocabulary: number,
  { temperature = 1, seed = 0, without = [] }: GenerateOptions,
): (logits: HostArray) => number {
  const isAllowed = new Uint8Array(vocabulary).fill(1);
  for (const token of without) isAllowed[token] = 0;
  const weights = new Float64Array(vocabulary);
  const draws = new Float32Array(DRAWS);
  let stream = createStream(seed, "generate");
  let drawn = DRAWS;
  return (logits) => {
    let best = -1;
    for (let token = 0; token < vocabulary; token++) {
      if (isAllowed[token] && (best < 0 || logits[token] > logits[best])) best = token;
    }
    if (temperature === 0) return best;
    let total = 0;
    for (let token = 0; token < vocabulary; token++) {
      weights[token] = isAllowed[token] ? Math.exp((logits[token] - logits[best]) / temperature) : 0;
      total += weights[token];
    }
    if (drawn === DRAWS) {
      stream = fillUniform(draws, stream);
      drawn = 0;
    }
    const draw = draws[drawn++] * total; // the token at which the running sum passes it
    let passed = 0;
    for (let token = 0; token < vocabulary; token++) {
      passed += weights[token];
      if (passed > draw) return token;
    }
    return best;
  };
}
