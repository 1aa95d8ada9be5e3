import { FileFormatError, type HostTensor, isPacked } from "@lowbit/core-tensor";
import {
  commitGeneration,
  type Generation,
  type JsonObject,
  type JsonValue,
  openGeneration,
  readSafetensors,
  type SafeTensor,
  type SafeTensorDtype,
  type Storage,
  typedData,
  writeSafetensors,
} from "@lowbit/core-tensor/storage";
import { type PackedModel, restorePackedModel, type StoredPackedModel, storePackedModel } from "./packed-model.js";

// A packed network on disk is one generation of a folder:
//
//   manifest.json                       the graph and how it was quantized, notes of the caller, checksums
//   packed.generation-1.safetensors     codes (U8, k bits each, its graph's "p<k>"), scales, thresholds, what stayed fp32; no latent weights

const PART = "packed.safetensors";

/** A packed network as it was read, with what its writer noted beside it. */
export interface PackedFolder {
  readonly model: PackedModel;
  readonly notes: JsonObject;
}

const storedDtype = (dtype: HostTensor["dtype"]): SafeTensorDtype => {
  if (dtype === "f32") return "F32";
  if (dtype === "i32") return "I32";
  return dtype === "bool" ? "BOOL" : "U8"; // packed codes are bytes to others
};

/**
 * Writes a packed network into a folder, whole or not at all.
 *
 * @param notes  anything that JSON holds: the names of its classes, what it was trained on
 */
export async function savePackedFolder(
  storage: Storage,
  folder: string,
  model: PackedModel,
  notes: JsonObject = {},
): Promise<void> {
  const { json, tensors } = storePackedModel(model);
  const stored = new Map<string, SafeTensor>();
  for (const [name, { dtype, shape, data }] of tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    stored.set(name, { dtype: storedDtype(dtype), shape: isPacked(dtype) ? [bytes.length] : shape, data: bytes });
  }
  const metadata = new Map([["quantization", JSON.stringify(model.quantization)]]);
  const parts = new Map([[PART, writeSafetensors(stored, metadata)]]);
  await commitGeneration(storage, folder, { parts, state: { ...json, notes } });
}

/** Whether a generation that was opened is one of a packed network. */
export function isPackedGeneration({ state }: Generation): boolean {
  return isObject(state) && state.kind === "lowbit-packed";
}

/**
 * Reads a packed network back. Nothing in the folder is believed: the graph is built again operation by operation.
 *
 * @throws {FileFormatError} when the folder holds something else, or something damaged
 */
export async function loadPackedFolder(storage: Storage, folder: string): Promise<PackedFolder> {
  const generation = await openGeneration(storage, folder);
  if (!generation)
    throw new FileFormatError("there is no network in this folder", { where: folder, want: "a manifest.json" });
  return readPackedGeneration(generation, folder);
}

/** The packed network of a generation that is open already. */
export async function readPackedGeneration(generation: Generation, folder: string): Promise<PackedFolder> {
  const file = `${folder}/manifest.json`;
  const { tensors: stored } = readSafetensors(await generation.part(PART), { file: `${folder}, ${PART}` });
  const json = generation.state as unknown as StoredPackedModel & { notes?: JsonValue };
  const dtypes = dtypesOf(json);
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of stored) {
    const dtype = dtypes.get(name);
    if (dtype === undefined)
      throw new FileFormatError(`no node of the graph reads tensor ${JSON.stringify(name)}`, { where: file });
    const data = typedData(tensor, storedDtype(dtype), `${folder}, tensor ${JSON.stringify(name)}`);
    tensors.set(name, { dtype, shape: tensor.shape, data: data as HostTensor["data"] });
  }
  const model = restorePackedModel(json, tensors, { file });
  if (!isObject(json.notes ?? {})) throw new FileFormatError("the notes are no object", { where: file });
  return { model, notes: (json.notes ?? {}) as JsonObject };
}

/** What the graph says that each stored tensor is; `restorePackedModel` checks sizes and the rest. */
function dtypesOf(json: StoredPackedModel): Map<string, HostTensor["dtype"]> {
  const dtypes = new Map<string, HostTensor["dtype"]>();
  for (const node of Array.isArray(json?.graph?.nodes) ? json.graph.nodes : []) {
    const { tensor, dtype } = (node ?? {}) as { tensor?: unknown; dtype?: unknown };
    if (typeof tensor === "string" && typeof dtype === "string") dtypes.set(tensor, dtype as HostTensor["dtype"]);
  }
  return dtypes;
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);
