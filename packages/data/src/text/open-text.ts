import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import { openStorage, type Storage, sha256 } from "@lowbit/core-tensor/storage";
import type { DatasetKind } from "../open-dataset.js";
import { type TextLevel, tokenize } from "./tokenize.js";
import { buildVocabulary, encodeTokens, type Vocabulary } from "./vocabulary.js";

/** A text as numbers of tokens, in the parts that training and testing read. */
export interface TextDataset {
  readonly name: string;
  readonly level: TextLevel;
  readonly vocabulary: Vocabulary;
  /** The first nine tenths of the tokens. */
  readonly train: Int32Array;
  /** The rest. */
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

const LARGEST_TEXT = 2 ** 28;
const TRAINING_PART = 0.9;
/** Fewer tokens than this teach and test nothing. */
const FEWEST_TOKENS = 100;

/**
 * Splits a text, the first nine tenths to train and the rest to test, and turns both into tokens. Texts that are read word by word are cut where a
 * line ends, or at a space where none does. The vocabulary is that of the training part: what only the test part has is "<unk>".
 *
 * @throws {FileFormatError} for a text that is too short
 */
export async function createText(name: string, text: string, options: TextOptions): Promise<TextDataset> {
  const { level, size = 10_000 } = options;
  const border = borderOf(text, level);
  const [train, test] = [text.slice(0, border), text.slice(border)].map((part) => tokenize(part, level));
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
    testCharacters: countCharacters(text.slice(border)),
    fingerprint: await sha256(new TextEncoder().encode(text)),
  };
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

/** Whether a data set's name means a text. */
export const isTextName = (name: string): boolean => textKinds.some((kind) => kind.name === name.split(":", 1)[0]);

/** The kinds of texts that a name can mean. */
export const textKinds: readonly DatasetKind[] = [
  { name: "text", summary: "your own text, UTF-8, for language models", path: "file" },
];

/**
 * Opens a text by name: "text:FILE".
 *
 * @throws {ArgumentError} when the name means no text
 * @throws {StorageError} when the file is missing or can't be read
 * @throws {FileFormatError} when it is no UTF-8, or too short
 * @example const { train, vocabulary } = await openText("text:novel.txt", { level: "char" });
 */
export async function openText(
  name: string,
  { storage = openStorage(), ...options }: TextOptions & { readonly storage?: Storage },
): Promise<TextDataset> {
  const file = resolveText(name);
  const bytes = await storage.read(file, { limit: LARGEST_TEXT });
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FileFormatError("the text is not UTF-8", { where: file, want: "a plain text in UTF-8", cause });
  }
  return createText(name, text, options);
}

/**
 * The file that a text's name means.
 *
 * @throws {ArgumentError} when it means none
 */
export function resolveText(name: string): string {
  const [kind, file] = [name.split(":", 1)[0], name.slice(name.indexOf(":") + 1)];
  if (kind === "text" && name.includes(":") && file !== "") return file;
  throw new ArgumentError(`there is no text ${JSON.stringify(name)}`, { op: "openText", want: "text:FILE", got: name });
}
