import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import { hasErrno, joinPath, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { nearestName } from "../nearest-name.js";
import type { DatasetKind } from "../open-dataset.js";
import { createText, type TextDataset, type TextOptions, type TextParts } from "./create-text.js";
import { textPackages } from "./text-packages.js";

interface TextOpener extends DatasetKind {
  readonly path: Exclude<DatasetKind["path"], "none">;
  readonly read: (path: string, storage: Storage) => Promise<string | TextParts>;
}

const LARGEST_TEXT = 2 ** 28;

const KINDS: readonly TextOpener[] = [
  {
    name: "text",
    summary: "your own text, UTF-8, for language models",
    path: "file",
    read: (path, storage) => readText(path, storage),
  },
  ...textPackages.map(
    ({ name, summary, file }): TextOpener => ({
      name,
      summary: `${summary}; fetched by: lowbit data fetch ${name}`,
      path: { default: `data/${name}` },
      read: (path, storage) => readText(joinPath(path, file), storage),
    }),
  ),
  {
    name: "penn-treebank",
    summary: "the folder of ptb.train.txt and ptb.test.txt, or of your own text in two files of these names",
    path: "required",
    read: (path, storage) => readTreebank(path, "test", storage),
  },
  {
    name: "penn-treebank-valid",
    summary: "the same, with ptb.valid.txt in place of ptb.test.txt: for choosing settings",
    path: "required",
    read: (path, storage) => readTreebank(path, "valid", storage),
  },
];

/** The kinds of texts that a name can mean. */
export const textKinds: readonly DatasetKind[] = KINDS.map(({ name, summary, path }) => ({ name, summary, path }));

/**
 * Opens a text by name: "text:FILE", "moby-dick", "sotu", "moby-dick:FOLDER", "penn-treebank:FOLDER" or "penn-treebank-valid:FOLDER".
 *
 * @throws {ArgumentError} when the name means no text, or one that has not been fetched
 * @throws {StorageError} when a file is missing or can't be read
 * @throws {FileFormatError} when it is no UTF-8, or too short
 * @example const { train, vocabulary } = await openText("text:novel.txt", { level: "char" });
 */
export async function openText(
  name: string,
  { storage = openStorage(), ...options }: TextOptions & { readonly storage?: Storage },
): Promise<TextDataset> {
  const { kind, path, isFetched } = resolveText(name);
  const { read } = KINDS.find((known) => known.name === kind) as TextOpener; // resolved a line above
  const text = await read(path, storage).catch((error) => {
    if (!isFetched || !hasErrno(error, "ENOENT")) throw error;
    throw new ArgumentError(`${kind} is not in ${JSON.stringify(path)}`, {
      op: "openText",
      where: path,
      hint: `lowbit data fetch ${kind} --out ${path}`,
      cause: error,
    });
  });
  return createText(name, text, options);
}

/** What a text's name stands for, checked, with nothing opened. */
export interface TextReference {
  readonly kind: string;
  /** A file or a folder. */
  readonly path: string;
  /** A program fetches it: what is missing has a remedy. */
  readonly isFetched: boolean;
}

/**
 * Resolves a text's name without touching a file.
 *
 * @throws {ArgumentError} when it means none
 */
export function resolveText(name: string): TextReference {
  const colon = name.indexOf(":");
  const [kindName, given] = colon < 0 ? [name, undefined] : [name.slice(0, colon), name.slice(colon + 1)];
  const kind = KINDS.find((known) => known.name === kindName);
  const isFetched = typeof kind?.path === "object";
  const path = given ?? (typeof kind?.path === "object" ? kind.path.default : "");
  if (kind && path !== "") return { kind: kind.name, path, isFetched };
  const near = kind ? undefined : nearestName(kindName, KINDS.map((known) => known.name)); // biome-ignore format: one thought
  throw new ArgumentError(`there is no text ${JSON.stringify(name)}`, {
    op: "openText",
    want: KINDS.map(spelling).join(", "),
    got: name,
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}

const spelling = ({ name, path }: TextOpener): string => {
  if (path === "file") return `${name}:FILE`;
  return path === "required" ? `${name}:FOLDER` : `${name}[:FOLDER]`;
};

/** The content of a file, which has to be UTF-8. */
export async function readText(file: string, storage: Storage): Promise<string> {
  const bytes = await storage.read(file, { limit: LARGEST_TEXT });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FileFormatError("the text is not UTF-8", { where: file, want: "a plain text in UTF-8", cause });
  }
}

const readTreebank = async (folder: string, tested: "test" | "valid", storage: Storage): Promise<TextParts> => ({
  train: await readText(joinPath(folder, "ptb.train.txt"), storage),
  test: await readText(joinPath(folder, `ptb.${tested}.txt`), storage),
});
