import { FileFormatError } from "@lowbit/core-tensor";
import { sha256 } from "@lowbit/core-tensor/storage";
import { type TextLevel, tokenize } from "./tokenize.js";
import { buildVocabulary, encodeTokens, type Vocabulary } from "./vocabulary.js";

/** A text as numbers of tokens, in the parts that training and testing read. */
export interface TextDataset {
  readonly name: string;
  readonly level: TextLevel;
  readonly vocabulary: Vocabulary;
  /** The first nine tenths of the tokens, or the part that its author trains with. */
  readonly train: Int32Array;
  /** The rest, or the part that its author tests with. */
  readonly test: Int32Array;
  /** Characters (code points) that the test tokens stand for. */
  readonly testCharacters: number;
  /** SHA-256 of the text: equal exactly when the texts are. */
  readonly fingerprint: string;
}

export interface TextOptions {
  readonly level: TextLevel;
  /** Tokens of the vocabulary that is made of the training part; 10,000 where absent. */
  readonly size?: number;
  /** A vocabulary that is there already, in place of one of the text's own. */
  readonly vocabulary?: Vocabulary;
}

/** A text whose author has cut it. */
export interface TextParts {
  readonly train: string;
  readonly test: string;
}

const TRAINING_PART = 0.9;
/** Fewer tokens than this teach and test nothing. */
const FEWEST_TOKENS = 100;

/**
 * Turns a text into tokens, in two parts: the first nine tenths train and the rest tests, where its author has not cut it. Texts that are read word by
 * word are cut where a line ends, or at a space where none does. The vocabulary is that of the training part: what only the test part has is "<unk>".
 *
 * @throws {FileFormatError} for a text that is too short
 */
export async function createText(name: string, text: string | TextParts, options: TextOptions): Promise<TextDataset> {
  const { level, size = 10_000 } = options;
  const parts = typeof text === "string" ? cut(text, level) : text;
  const [train, test] = [parts.train, parts.test].map((part) => tokenize(part, level));
  if (train.length + test.length < FEWEST_TOKENS || test.length < 2) {
    throw new FileFormatError(
      `${train.length} tokens to train from and ${test.length} to test make no text to learn from`,
      {
        where: name,
        want: `at least ${FEWEST_TOKENS} in all, and 2 to test`,
      },
    );
  }
  const vocabulary = options.vocabulary ?? buildVocabulary(train, size);
  return {
    name,
    level,
    vocabulary,
    train: encodeTokens(train, vocabulary),
    test: encodeTokens(test, vocabulary),
    testCharacters: countCharacters(parts.test),
    fingerprint: await sha256(new TextEncoder().encode(parts.train + parts.test)),
  };
}

function cut(text: string, level: TextLevel): TextParts {
  const border = borderOf(text, level);
  return { train: text.slice(0, border), test: text.slice(border) };
}

/** Where the training part ends, never between the halves of a character. */
function borderOf(text: string, level: TextLevel): number {
  let border = Math.floor(text.length * TRAINING_PART);
  if (level === "word") {
    const line = text.indexOf("\n", border);
    const space = text.slice(border).search(/\s/);
    if (line >= 0) return line + 1;
    if (space >= 0) return border + space;
  }
  const code = text.charCodeAt(border);
  if (code >= 0xdc00 && code <= 0xdfff) border++;
  return border;
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
