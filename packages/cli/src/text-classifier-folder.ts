import { type Engine, FileFormatError, LowbitError } from "@lowbit/core-tensor";
import { type Generation, type JsonValue, openGeneration, type Storage } from "@lowbit/core-tensor/storage";
import { loadCheckpoint } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import { packedTextClassifiers, type TextClassifier, type TextClassifierOptions, textClassifier } from "@lowbit/rnn";
import { parseQuantization } from "./network-notes.js";
import { parseTextClassifierNotes, type TextClassifierNotes } from "./text-classifier-notes.js";

/** A text classifier out of a folder: as it was trained, or packed. */
export interface OpenedTextClassifier {
  readonly kind: "trained" | "packed";
  readonly folder: string;
  readonly model: TextClassifier;
  readonly notes: TextClassifierNotes;
  readonly isFinished: boolean;
  /** Brings its weights into an engine. */
  load(engine: Engine): Promise<void>;
}

/** Whether the generation of a folder holds a text classifier, trained or packed. */
export function isTextClassifier(generation: Generation): boolean {
  const { model } = (generation.state ?? {}) as { model?: { name?: JsonValue } | null };
  return packedTextClassifiers.isPacked(generation) || model?.name === "text-classifier";
}

/**
 * The text classifier in a folder, or undefined where the folder holds anything else.
 *
 * @throws {FileFormatError} when it is damaged
 */
export async function findTextClassifier(
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedTextClassifier | undefined> {
  if ((await storage.status(folder))?.kind !== "folder") return undefined;
  const generation = await openGeneration(storage, folder);
  if (!generation || !isTextClassifier(generation)) return undefined;
  const file = `${folder}/manifest.json`;
  const found = packedTextClassifiers.isPacked(generation)
    ? await openPacked(generation, folder, registry)
    : await openTrained(storage, folder, registry);
  const { options } = found.model;
  const { vocabulary, classes } = found.notes.data;
  if (options.vocabulary !== vocabulary.length || options.classes !== classes.length) {
    throw new FileFormatError("the model knows other tokens or classes than its notes", {
      where: file,
      want: `${options.vocabulary} tokens, ${options.classes} classes`,
      got: [vocabulary.length, classes.length],
    });
  }
  return found;
}

async function openPacked(generation: Generation, folder: string, registry: Registry): Promise<OpenedTextClassifier> {
  const file = `${folder}/manifest.json`;
  const { model, notes } = await packedTextClassifiers.read(generation, folder, {
    registry,
    parseQuantization: (value) => parseQuantization(value, registry, file),
  });
  const read = parseTextClassifierNotes(notes, file);
  return { kind: "packed", folder, model, notes: read, isFinished: true, load: async () => undefined };
}

async function openTrained(storage: Storage, folder: string, registry: Registry): Promise<OpenedTextClassifier> {
  const file = `${folder}/manifest.json`;
  const checkpoint = await loadCheckpoint(storage, folder);
  const { identity, model: described } = checkpoint.run;
  const { experiment, data, quantization: stored } = identity as Record<string, JsonValue>;
  const notes = parseTextClassifierNotes({ experiment, data }, file);
  const quantization = parseQuantization(stored, registry, file);
  const model = rebuild(file, () =>
    textClassifier(described.options as unknown as TextClassifierOptions, { quantization, registry }),
  );
  if (model.latentBytes > checkpoint.latentBytes) {
    throw new FileFormatError("the folder holds fewer tensors than its model has", { where: `${file}, model` });
  }
  const load = (engine: Engine) => checkpoint.restore(engine, model);
  return { kind: "trained", folder, model, notes, isFinished: checkpoint.finished, load };
}

/** A model that a file describes: what its options get wrong is the file's mistake. */
function rebuild(file: string, build: () => TextClassifier): TextClassifier {
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
