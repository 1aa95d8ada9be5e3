import { ArgumentError, type Engine, FileFormatError, LowbitError } from "@lowbit/core-tensor";
import { type Generation, type JsonValue, openGeneration, type Storage } from "@lowbit/core-tensor/storage";
import { loadCheckpoint } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import { type LanguageModel, type LanguageModelOptions, languageModel, packedLanguageModels } from "@lowbit/rnn";
import { parseQuantization } from "./network-notes.js";
import { isLanguageModelName } from "./text-experiment.js";
import { parseTextNotes, type TextNotes } from "./text-notes.js";

/** A language model out of a folder: as it was trained, or packed. */
export interface OpenedLanguageModel {
  readonly kind: "trained" | "packed";
  readonly folder: string;
  readonly model: LanguageModel;
  readonly notes: TextNotes;
  readonly isFinished: boolean;
  /** Brings its weights into an engine. */
  load(engine: Engine): Promise<void>;
}

/** Whether the generation of a folder holds a language model, trained or packed. */
export function isLanguageModel(generation: Generation): boolean {
  const { model } = (generation.state ?? {}) as { model?: JsonValue };
  return (
    packedLanguageModels.isPacked(generation) ||
    isLanguageModelName((model as { name?: unknown } | null | undefined)?.name)
  );
}

/** The language model in a folder, or undefined where the folder holds anything else. */
export async function findLanguageModel(
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedLanguageModel | undefined> {
  if ((await storage.status(folder))?.kind !== "folder") return undefined;
  const generation = await openGeneration(storage, folder);
  if (!generation || !isLanguageModel(generation)) return undefined;
  return packedLanguageModels.isPacked(generation)
    ? openPacked(generation, folder, registry)
    : openTrained(storage, folder, registry);
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

async function openPacked(generation: Generation, folder: string, registry: Registry): Promise<OpenedLanguageModel> {
  const file = `${folder}/manifest.json`;
  const { model, notes: stored } = await packedLanguageModels.read(generation, folder, {
    registry,
    parseQuantization: (value) => parseQuantization(value, registry, file),
  });
  const notes = parseTextNotes(stored, file);
  checkVocabulary(model, notes, file);
  return { kind: "packed", folder, model, notes, isFinished: true, load: async () => undefined };
}

async function openTrained(storage: Storage, folder: string, registry: Registry): Promise<OpenedLanguageModel> {
  const file = `${folder}/manifest.json`;
  const checkpoint = await loadCheckpoint(storage, folder);
  const { identity, model: described } = checkpoint.run;
  const { experiment, data, quantization: stored } = identity as Record<string, JsonValue>;
  const notes = parseTextNotes({ experiment, data }, file);
  const quantization = parseQuantization(stored, registry, file);
  const model = rebuild(() =>
    languageModel(described.name, described.options as unknown as LanguageModelOptions, { quantization, registry }),
  );
  if (model.latentBytes > checkpoint.latentBytes) {
    throw new FileFormatError("the folder holds fewer tensors than its model has", { where: `${file}, model` });
  }
  checkVocabulary(model, notes, file);
  const load = (engine: Engine) => checkpoint.restore(engine, model);
  return { kind: "trained", folder, model, notes, isFinished: checkpoint.finished, load };

  function rebuild(build: () => LanguageModel): LanguageModel {
    try {
      return build();
    } catch (cause) {
      if (!(cause instanceof LowbitError) || cause.code === "LOWBIT_CONFIGURATION") throw cause;
      const [headline] = cause.message.split("\n");
      throw new FileFormatError(`the model in this folder can't be built: ${headline}`, {
        where: `${file}, model`,
        want: cause.want,
        cause,
      });
    }
  }
}

function checkVocabulary({ options }: LanguageModel, { data }: TextNotes, file: string): void {
  if (options.vocabulary === data.vocabulary.length) return;
  throw new FileFormatError(`the model knows ${options.vocabulary} tokens, its notes ${data.vocabulary.length}`, {
    where: `${file}, vocabulary`,
  });
}
