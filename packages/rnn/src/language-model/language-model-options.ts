import { ArgumentError } from "@lowbit/core-tensor";

/** The cells that a language model can be made of. */
export const languageModelNames: readonly string[] = ["lstm", "gru", "vanilla"];

/** What decides the shapes of a language model, and its first weights: plain JSON. */
export interface LanguageModelOptions {
  /** Tokens that it knows. */
  readonly vocabulary: number;
  /** Values in the hidden state of each layer; also those of a token's embedding. */
  readonly hidden: number;
  /** Recurrent layers, one on top of the other; 1 where absent. */
  readonly layers?: number;
  /** Sequences side by side in a training step. */
  readonly streams: number;
  /** What dropout sets to 0 before each recurrent layer and the output layer, in training; 0 where absent. */
  readonly dropout?: number;
  /** Dropout drops the same units in all steps of a call, those of each sequence for themselves; false where absent. */
  readonly variational?: boolean;
  /** The output layer multiplies with the embedding in place of a matrix of its own; false where absent. */
  readonly tied?: boolean;
  /** Of the first weights; 0 where absent. */
  readonly seed?: number;
}

const LARGEST_HIDDEN = 16_384;
const LARGEST_VOCABULARY = 2 ** 20;

function refuse(option: string, value: unknown, want: string): never {
  throw new ArgumentError(`a language model can't have ${option} ${JSON.stringify(value) ?? value}`, {
    op: "languageModel",
    where: option,
    want,
    got: value,
  });
}

/** @throws {ArgumentError} for an unknown option, or a value that makes no sense */
export function checkLanguageModelOptions(given: LanguageModelOptions): Required<LanguageModelOptions> {
  const { vocabulary, hidden, layers = 1, streams, dropout = 0, seed = 0, ...rest } = given;
  const { variational = false, tied = false, ...unknown } = rest;
  const [name] = Object.keys(unknown);
  if (name !== undefined)
    refuse("an option", name, "vocabulary, hidden, layers, streams, dropout, variational, tied and seed");
  const whole = (option: string, value: unknown, least: number, most: number): void => {
    if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most) return;
    refuse(option, value, `a whole number from ${least} to ${most}`);
  };
  whole("vocabulary", vocabulary, 2, LARGEST_VOCABULARY);
  whole("hidden", hidden, 1, LARGEST_HIDDEN);
  whole("layers", layers, 1, 16);
  whole("streams", streams, 1, 65_536);
  whole("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  if (!(typeof dropout === "number" && dropout >= 0 && dropout < 1)) {
    refuse("dropout", dropout, "a number from 0, below 1");
  }
  for (const [option, value] of Object.entries({ variational, tied })) {
    if (typeof value !== "boolean") refuse(option, value, "true or false");
  }
  return { vocabulary, hidden, layers, streams, dropout, variational, tied, seed };
}
