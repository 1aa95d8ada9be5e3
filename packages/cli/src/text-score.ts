import { createTextLoader, type TextDataset, type TextLoader } from "@lowbit/data";

/** How well a language model predicts a text. */
export interface TextScore {
  /** Mean cross-entropy of a token, in nats. */
  readonly loss: number;
  /** exp(loss): of a token. */
  readonly perplexity: number;
  /** Bits for each character of the text; where tokens are words, without what capitals, spaces and unknown words would take. */
  readonly bitsPerCharacter: number;
  /** Tokens that were predicted. */
  readonly tokens: number;
}

export function scoreText({ loss, tokens }: Pick<TextScore, "loss" | "tokens">, text: TextDataset): TextScore {
  const tokensPerCharacter = text.test.length / text.testCharacters;
  return { loss, perplexity: Math.exp(loss), bitsPerCharacter: (loss / Math.LN2) * tokensPerCharacter, tokens };
}

const LONGEST_EVALUATION_STREAM = 1000;
const MOST_EVALUATION_STREAMS = 20;
const EVALUATION_STEPS = 50;

/** Reads a test text: always the same way, since a text's pieces each begin with an empty state. */
export function evaluationLoader(test: Int32Array): TextLoader {
  const streams = Math.floor(test.length / LONGEST_EVALUATION_STREAM);
  return createTextLoader(test, {
    streams: Math.max(1, Math.min(MOST_EVALUATION_STREAMS, streams)),
    steps: EVALUATION_STEPS,
  });
}
