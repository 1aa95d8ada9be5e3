import { ArgumentError, type Engine, FileFormatError, LowbitError, MemoryLimitError } from "@lowbit/core-tensor";
import { type JsonValue, openGeneration, type Storage } from "@lowbit/core-tensor/storage";
import { type Checkpoint, createModel, loadCheckpoint, type Model } from "@lowbit/nn";
import {
  applyQuantization,
  isPackedGeneration,
  latentBytes,
  type PackedModel,
  type PreparedModel,
  packedBytes,
  type Registry,
  readPackedGeneration,
} from "@lowbit/quant";
import { isLanguageModel } from "./language-model-folder.js";
import { type NetworkNotes, parseNotes, parseQuantization } from "./network-notes.js";
import { isTextClassifier } from "./text-classifier-folder.js";

interface Opened {
  readonly folder: string;
  readonly notes: NetworkNotes;
  /** Bytes of all variables in fp32. */
  readonly latentBytes: number;
  /** Bytes of the tensors that a packed network holds, or would hold. */
  readonly packedBytes: number;
  /** Brings its weights into an engine. */
  load(engine: Engine): Promise<void>;
}

/** A network out of a folder: as it was trained, or packed. */
export type Network =
  | (Opened & {
      readonly kind: "trained";
      readonly model: PreparedModel;
      readonly isFinished: boolean;
      readonly checkpoint: Checkpoint;
    })
  | (Opened & { readonly kind: "packed"; readonly model: PackedModel });

/**
 * Opens a folder that `train` or `convert` has written. What it says is checked before anything is built of it.
 *
 * @throws {ArgumentError} when there is no such folder
 * @throws {FileFormatError} when it holds no network, or a damaged one
 */
export async function openNetwork(storage: Storage, folder: string, registry: Registry): Promise<Network> {
  try {
    return await openFolder(storage, folder, registry);
  } catch (error) {
    if (!(error instanceof MemoryLimitError)) throw error;
    const [headline] = error.message.split("\n"); // sizes here come from the files
    throw new FileFormatError(headline, { where: error.where ?? folder, want: error.want, cause: error });
  }
}

async function openFolder(storage: Storage, folder: string, registry: Registry): Promise<Network> {
  if ((await storage.status(folder))?.kind !== "folder") {
    throw new ArgumentError(`there is no folder ${JSON.stringify(folder)}`, {
      where: folder,
      want: "a folder that train or convert has written",
    });
  }
  const generation = await openGeneration(storage, folder);
  if (!generation) {
    throw new FileFormatError("there is no network in this folder", {
      where: folder,
      want: "a folder that train or convert has written, with a manifest.json",
    });
  }
  if (isLanguageModel(generation)) {
    throw new ArgumentError(`the network in ${JSON.stringify(folder)} is a language model`, {
      where: folder,
      want: "a network for images",
      hint: "eval, convert and sample read language models",
    });
  }
  if (isTextClassifier(generation)) {
    throw new ArgumentError(`the network in ${JSON.stringify(folder)} classifies texts`, {
      where: folder,
      want: "a network for images",
      hint: "eval, convert and predict read text classifiers",
    });
  }
  if (!isPackedGeneration(generation)) return openTrained(storage, folder, registry);
  const { model, notes: stored } = await readPackedGeneration(generation, folder);
  const notes = parseNotes(stored, `${folder}/manifest.json`);
  const { latentBytes, packedBytes } = model;
  return { kind: "packed", folder, model, notes, latentBytes, packedBytes, load: async () => undefined };
}

async function openTrained(storage: Storage, folder: string, registry: Registry): Promise<Network> {
  const file = `${folder}/manifest.json`;
  const checkpoint = await loadCheckpoint(storage, folder);
  const { identity, model: described } = checkpoint.run;
  const { experiment, data, quantization } = identity as Record<string, JsonValue>;
  const notes = parseNotes({ experiment, data }, file);
  const plain = rebuildModel(described, file, checkpoint.latentBytes);
  const model = applyQuantization(plain, parseQuantization(quantization, registry, file), registry);
  return {
    kind: "trained",
    folder,
    model,
    notes,
    isFinished: checkpoint.finished,
    checkpoint,
    latentBytes: latentBytes(model),
    packedBytes: packedBytes(model),
    load: (engine) => checkpoint.restore(engine, model),
  };
}

/** The model that a manifest describes; `bytes` are those of its tensors in the folder. Nothing is allocated for its weights here. */
function rebuildModel({ name, options }: { name: string; options: unknown }, file: string, bytes: number): Model {
  try {
    const model = createModel(name, (options ?? {}) as Parameters<typeof createModel>[1]);
    if (latentBytes(model) <= bytes) return model;
    throw new ArgumentError("the folder holds fewer tensors than it has");
  } catch (cause) {
    if (!(cause instanceof LowbitError)) throw cause;
    throw new FileFormatError(`the model in this folder can't be built: ${cause.message.split("\n")[0]}`, {
      where: `${file}, model`,
      want: cause.want,
      cause,
    });
  }
}
