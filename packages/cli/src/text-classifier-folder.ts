import { FileFormatError } from "@lowbit/core-tensor";
import type { Generation, Storage } from "@lowbit/core-tensor/storage";
import type { Registry } from "@lowbit/quant";
import { packedTextClassifiers, type TextClassifier, type TextClassifierOptions, textClassifier } from "@lowbit/rnn";
import { parseTextClassifierNotes, type TextClassifierNotes } from "./text-classifier-notes.js";
import {
  findTextNetwork,
  holdsTextNetwork,
  type OpenedTextNetwork,
  type TextNetworkKind,
} from "./text-network-folder.js";

/** A text classifier out of a folder: as it was trained, or packed. */
export type OpenedTextClassifier = OpenedTextNetwork<TextClassifier, TextClassifierNotes>;

const textClassifiers: TextNetworkKind<TextClassifier, TextClassifierNotes> = {
  packed: packedTextClassifiers,
  isNamed: (name) => name === "text-classifier",
  parseNotes: parseTextClassifierNotes,
  build: ({ options }, parts) => textClassifier(options as TextClassifierOptions, parts),
  check: ({ options }, { data: { vocabulary, classes } }, file) => {
    if (options.vocabulary === vocabulary.length && options.classes === classes.length) return;
    throw new FileFormatError("the model knows other tokens or classes than its notes", {
      where: file,
      want: `${options.vocabulary} tokens, ${options.classes} classes`,
      got: [vocabulary.length, classes.length],
    });
  },
};

/** Whether the generation of a folder holds a text classifier, trained or packed. */
export const isTextClassifier = (generation: Generation): boolean => holdsTextNetwork(textClassifiers, generation);

/**
 * The text classifier in a folder, or undefined where the folder holds anything else.
 *
 * @throws {FileFormatError} when it is damaged
 */
export function findTextClassifier(
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedTextClassifier | undefined> {
  return findTextNetwork(textClassifiers, storage, folder, registry);
}
