import { type Engine, FileFormatError, LowbitError } from "@lowbit/core-tensor";
import {
  type Generation,
  type JsonObject,
  type JsonValue,
  openGeneration,
  type Storage,
} from "@lowbit/core-tensor/storage";
import { loadCheckpoint, type Model } from "@lowbit/nn";
import type { Quantization, Registry } from "@lowbit/quant";
import type { PackedFolder } from "@lowbit/rnn";
import { parseQuantization } from "./network-notes.js";

/** A network of texts out of a folder: as it was trained, or packed. */
export interface OpenedTextNetwork<Network, Notes> {
  readonly kind: "trained" | "packed";
  readonly folder: string;
  readonly model: Network;
  readonly notes: Notes;
  readonly isFinished: boolean;
  /** Brings its weights into an engine. */
  load(engine: Engine): Promise<void>;
}

/** How networks of one kind are told from others, and made again of what a folder says. */
export interface TextNetworkKind<Network, Notes> {
  readonly packed: PackedFolder<Network>;
  /** Whether a trained network of this name is one. */
  readonly isNamed: (name: unknown) => boolean;
  readonly parseNotes: (notes: JsonObject, file: string) => Notes;
  readonly build: (
    described: { readonly name: string; readonly options: unknown },
    parts: { readonly quantization: Quantization; readonly registry: Registry },
  ) => Network;
  /** Throws where the network and its notes do not go together. */
  readonly check: (model: Network, notes: Notes, file: string) => void;
}

/** Whether a generation holds a network of this kind, trained or packed. */
export function holdsTextNetwork<Network, Notes>(
  { packed, isNamed }: TextNetworkKind<Network, Notes>,
  generation: Generation,
): boolean {
  const { model } = (generation.state ?? {}) as { model?: { name?: JsonValue } | null };
  return packed.isPacked(generation) || isNamed(model?.name);
}

/**
 * The network of this kind in a folder, or undefined where the folder holds anything else.
 *
 * @throws {FileFormatError} when it is damaged
 */
export async function findTextNetwork<Network extends Model & { readonly latentBytes: number }, Notes>(
  kind: TextNetworkKind<Network, Notes>,
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedTextNetwork<Network, Notes> | undefined> {
  if ((await storage.status(folder))?.kind !== "folder") return undefined;
  const generation = await openGeneration(storage, folder);
  if (!generation || !holdsTextNetwork(kind, generation)) return undefined;
  const found = kind.packed.isPacked(generation)
    ? await openPacked(kind, generation, folder, registry)
    : await openTrained(kind, storage, folder, registry);
  kind.check(found.model, found.notes, `${folder}/manifest.json`);
  return found;
}

async function openPacked<Network, Notes>(
  { packed, parseNotes }: TextNetworkKind<Network, Notes>,
  generation: Generation,
  folder: string,
  registry: Registry,
): Promise<OpenedTextNetwork<Network, Notes>> {
  const file = `${folder}/manifest.json`;
  const { model, notes } = await packed.read(generation, folder, {
    registry,
    parseQuantization: (value) => parseQuantization(value, registry, file),
  });
  return {
    ...{ kind: "packed", folder, model, notes: parseNotes(notes, file), isFinished: true },
    load: async () => undefined,
  };
}

async function openTrained<Network extends Model & { readonly latentBytes: number }, Notes>(
  { parseNotes, build }: TextNetworkKind<Network, Notes>,
  storage: Storage,
  folder: string,
  registry: Registry,
): Promise<OpenedTextNetwork<Network, Notes>> {
  const file = `${folder}/manifest.json`;
  const checkpoint = await loadCheckpoint(storage, folder);
  const { identity, model: described } = checkpoint.run;
  const { experiment, data, quantization: stored } = identity as Record<string, JsonValue>;
  const notes = parseNotes({ experiment, data }, file);
  const quantization = parseQuantization(stored, registry, file);
  const model = rebuild(file, () => build(described, { quantization, registry }));
  if (model.latentBytes > checkpoint.latentBytes) {
    throw new FileFormatError("the folder holds fewer tensors than its model has", { where: `${file}, model` });
  }
  const load = (engine: Engine) => checkpoint.restore(engine, model);
  return { kind: "trained", folder, model, notes, isFinished: checkpoint.finished, load };
}

/** A model that a file describes: what its options get wrong is the file's mistake. */
function rebuild<Network>(file: string, build: () => Network): Network {
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
