import { ArgumentError, createStream, FileFormatError, permutation } from "@lowbit/core-tensor";
import { hasErrno, joinPath, openStorage, parseJson, type Storage, sha256 } from "@lowbit/core-tensor/storage";
import type { DatasetKind } from "../open-dataset.js";
import { readText } from "./open-text.js";
import { spamAssassin } from "./text-packages.js";
import { type TextLevel, tokenize } from "./tokenize.js";
import { buildVocabulary, encodeTokens, type Vocabulary } from "./vocabulary.js";

/** Texts as numbers of tokens, and the class of each. */
export interface LabelledSplit {
  readonly texts: readonly Int32Array[];
  readonly labels: Int32Array;
}

/** Texts of several classes, in the parts that training and testing read. */
export interface LabelledTextDataset {
  readonly name: string;
  readonly level: TextLevel;
  readonly vocabulary: Vocabulary;
  /** In the order of code points. */
  readonly classes: readonly string[];
  readonly train: LabelledSplit;
  /** A tenth of each class, always the same one. */
  readonly test: LabelledSplit;
  /** SHA-256 of the file: equal exactly when the texts are. */
  readonly fingerprint: string;
}

export interface LabelledTextOptions {
  readonly level: TextLevel;
  /** Tokens of each text that are kept, the first ones. */
  readonly length: number;
  /** Tokens of the vocabulary that is made of the training part; 10,000 where absent. */
  readonly size?: number;
  /** A vocabulary that is there already, in place of one of the texts' own. */
  readonly vocabulary?: Vocabulary;
  /** Classes that a network knows already, in its order; where absent those of the texts. */
  readonly classes?: readonly string[];
}

interface LabelledText {
  readonly label: string;
  readonly text: string;
}

/** The kinds of labelled texts that a name can mean. */
export const labelledTextKinds: readonly DatasetKind[] = [
  {
    name: "labelled-text",
    summary: 'your own texts to classify: {"label": "…", "text": "…"} a line',
    path: "file",
  },
  {
    name: spamAssassin.name,
    summary: `${spamAssassin.summary}; fetched by: lowbit data fetch ${spamAssassin.name}`,
    path: { default: `data/${spamAssassin.name}` },
  },
];

/** Whether a data set's name means labelled texts. */
export const isLabelledTextName = (name: string): boolean =>
  labelledTextKinds.some((kind) => kind.name === name.split(":", 1)[0]);

/**
 * Opens labelled texts by name: "labelled-text:FILE", "spam-assassin" or "spam-assassin:FOLDER". The vocabulary is that of the training part.
 *
 * @throws {ArgumentError} when the name means none, or one that has not been fetched
 * @throws {StorageError} when the file is missing or can't be read
 * @throws {FileFormatError} for a line that is no text with a label, fewer than two classes, or a class of one text
 * @example const { train, classes } = await openLabelledText("labelled-text:mails.jsonl", { level: "word", length: 64 });
 */
export async function openLabelledText(
  name: string,
  { storage = openStorage(), ...options }: LabelledTextOptions & { readonly storage?: Storage },
): Promise<LabelledTextDataset> {
  const { file, folder } = fileOf(name);
  const content = await readText(file, storage).catch((error) => {
    if (folder === undefined || !hasErrno(error, "ENOENT")) throw error;
    throw new ArgumentError(`${spamAssassin.name} is not in ${JSON.stringify(folder)}`, {
      op: "openLabelledText",
      where: folder,
      hint: `lowbit data fetch ${spamAssassin.name} --out ${folder}`,
      cause: error,
    });
  });
  return createLabelledText(name, readLines(content, file), content, options);
}

/** The file that a name means, and the folder that a fetched one lies in. */
function fileOf(name: string): { readonly file: string; readonly folder?: string } {
  const [kind, given] = name.includes(":")
    ? [name.slice(0, name.indexOf(":")), name.slice(name.indexOf(":") + 1)]
    : [name];
  if (kind === "labelled-text" && given) return { file: given };
  if (kind === spamAssassin.name && given !== "") {
    const folder = given ?? `data/${spamAssassin.name}`;
    return { file: joinPath(folder, spamAssassin.file), folder };
  }
  throw new ArgumentError(`there are no labelled texts ${JSON.stringify(name)}`, {
    op: "openLabelledText",
    want: "labelled-text:FILE or spam-assassin[:FOLDER]",
    got: name,
  });
}

function readLines(content: string, file: string): LabelledText[] {
  return content.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `${file}, line ${i + 1}`;
    const { label, text } = (parseJson(new TextEncoder().encode(line), { file: where }) ?? {}) as Partial<LabelledText>;
    const isOne = typeof label === "string" && typeof text === "string" && label !== "" && !/\p{Cc}/u.test(label);
    if (isOne) return [{ label, text }];
    throw new FileFormatError("this is no text with a label", { where, want: '{"label": "…", "text": "…"}' });
  });
}

async function createLabelledText(
  name: string,
  all: readonly LabelledText[],
  content: string,
  { level, length, size = 10_000, vocabulary: given, classes: known }: LabelledTextOptions,
): Promise<LabelledTextDataset> {
  const classes = [...new Set(all.map(({ label }) => label))].sort();
  if (classes.length < 2) {
    throw new FileFormatError(`there are ${classes.length} classes of texts`, { where: name, want: "two or more" });
  }
  if (known && known.join("\n") !== classes.join("\n")) {
    const want = known.join(", ");
    throw new ArgumentError("these texts have other classes", { where: name, want, got: classes.slice(0, 100) });
  }
  const tested = new Set(classes.flatMap((label) => heldOut(all, label, name)));
  const tokens = all.map(({ text }) => tokenize(text, level).slice(0, length));
  const vocabulary = given ?? buildVocabulary(tokens.filter((_, i) => !tested.has(i)).flat(), size);
  const split = (isTest: boolean): LabelledSplit => {
    const places = all.flatMap((_, i) => (tested.has(i) === isTest ? [i] : []));
    return {
      texts: places.map((i) => encodeTokens(tokens[i], vocabulary)),
      labels: Int32Array.from(places, (i) => classes.indexOf(all[i].label)),
    };
  };
  const fingerprint = await sha256(new TextEncoder().encode(content));
  return { name, level, vocabulary, classes, train: split(false), test: split(true), fingerprint };
}

/** A tenth of a class, at least one, chosen by its name and size alone. */
function heldOut(all: readonly LabelledText[], label: string, where: string): number[] {
  const places = all.flatMap((each, i) => (each.label === label ? [i] : []));
  if (places.length < 2) {
    throw new FileFormatError(`the class ${JSON.stringify(label)} has one text`, {
      where,
      want: "two or more, so that one can be held out",
    });
  }
  const order = permutation(places.length, createStream(0, `held out/${label}`));
  return Array.from(order.subarray(0, Math.ceil(places.length / 10)), (i) => places[i]);
}
