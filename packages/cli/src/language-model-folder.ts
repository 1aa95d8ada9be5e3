import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import type { Generation, Storage } from "@lowbit/core-tensor/storage";
import type { Registry } from "@lowbit/quant";
import { type LanguageModel, type LanguageModelOptions, languageModel, packedLanguageModels } from "@lowbit/rnn";
import { isLanguageModelName } from "./text-experiment.js";
import {
  findTextNetwork,
  holdsTextNetwork,
  type OpenedTextNetwork,
  type TextNetworkKind,
} from "./text-network-folder.js";
import { parseTextNotes, type TextNotes } from "./text-notes.js";

/** A language model out of a folder: as it was trained, or packed. */
export type OpenedLanguageModel = OpenedTextNetwork<LanguageModel, TextNotes>;

const languageModels: TextNetworkKind<LanguageModel, TextNotes> = {
  packed: packedLanguageModels,
  isNamed: isLanguageModelName,
  parseNotes: parseTextNotes,
  build: ({ name, options }, parts) => languageModel(name, options as LanguageModelOptions, parts),
  check: ({ options }, { data: { vocabulary } }, file) => {
    if (options.vocabulary === vocabulary.length) return;
    throw new FileFormatError(`the model knows ${options.vocabulary} tokens, its notes ${vocabulary.length}`, {
      where: `${file}, vocabulary`,
    });
  },
};

/** Whether the generation of a folder holds a language model, trained or packed. */
export const isLanguageModel = (generation: Generation): boolean => holdsTextNetwork(languageModels, generation);

/**
 * The language model in a folder, or undefined where the folder holds anything else.
 *
 * @throws {FileFormatError} when it is damaged
 */
export function findLanguageModel(
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedLanguageModel | undefined> {
  return findTextNetwork(languageModels, storage, folder, registry);
}

/**
 * The language model in a folder that `train` or `convert` has written.
 *
 * @throws {ArgumentError} when there is none
 * @throws {FileFormatError} when it is damaged
 */
export async function openLanguageModel(
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedLanguageModel> {
  const found = await findLanguageModel(storage, folder, registry);
  if (found) return found;
  throw new ArgumentError(`there is no language model in ${JSON.stringify(folder)}`, {
    where: folder,
    want: "a folder that train has written with --model lstm, gru or vanilla, or that convert has made of one",
  });
}
