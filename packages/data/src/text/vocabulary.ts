import { ArgumentError } from "@lowbit/core-tensor";

/** What every token that a vocabulary lacks is read as; number 0 of each vocabulary. */
export const UNKNOWN = "<unk>";

/** The tokens that a model knows, by number. Plain data: a checkpoint keeps it. */
export type Vocabulary = readonly string[];

/**
 * The most frequent tokens, at most `size` of them, "<unk>" included. Equally frequent ones are in order of code points, so that a text has one
 * vocabulary.
 */
export function buildVocabulary(tokens: readonly string[], size: number): Vocabulary {
  if (!Number.isSafeInteger(size) || size < 2) {
    throw new ArgumentError(`a vocabulary can't have ${size} tokens`, { want: "a whole number from 2", got: size });
  }
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  counts.delete(UNKNOWN);
  const order = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return [UNKNOWN, ...order.slice(0, size - 1).map(([token]) => token)];
}

/** The number of each token; those that the vocabulary lacks are 0. */
export function encodeTokens(tokens: readonly string[], vocabulary: Vocabulary): Int32Array {
  const numbers = new Map(vocabulary.map((token, number) => [token, number]));
  return Int32Array.from(tokens, (token) => numbers.get(token) ?? 0);
}
