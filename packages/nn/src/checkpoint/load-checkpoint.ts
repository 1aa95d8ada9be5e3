import { type Engine, FileFormatError, type HostTensor } from "@lowbit/core-tensor";
import { type Generation, openGeneration, type Storage } from "@lowbit/core-tensor/storage";
import type { Model } from "../models/model.js";
import { type CheckpointState, parseState } from "./checkpoint-state.js";
import { restoreVariables, unpackVariables } from "./variables-part.js";

export const WEIGHTS_PART = "weights.safetensors";
export const OPTIMISER_PART = "optimiser.safetensors";

/** A training run as its folder holds it: what it was, and the model's tensors. */
export interface Checkpoint extends CheckpointState {
  readonly folder: string;
  /** The model's variables by name: latent weights and running statistics. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Bytes of the weights on disk. */
  readonly latentBytes: number;
  /**
   * Sets the variables of a model on an engine.
   * @throws {FileFormatError} when tensors are missing, too many or of another shape; nothing is set then
   */
  restore(engine: Engine, model: Pick<Model, "variables">): Promise<void>;
}

export async function readTensors(
  generation: Generation,
  part: string,
  folder: string,
): Promise<Map<string, HostTensor>> {
  return unpackVariables(await generation.part(part), `${folder}/${part}`);
}

/**
 * Reads a training run's folder: its description, and the model's tensors with their checksums verified. Writes nothing.
 *
 * @throws {FileFormatError} when there is no checkpoint, or it is damaged, or of another kind
 * @example
 * const checkpoint = await loadCheckpoint(openStorage(), "runs/first");
 * const model = rebuildModel(checkpoint.run.model, checkpoint.folder);
 * await checkpoint.restore(engine, model);
 */
export async function loadCheckpoint(storage: Storage, folder: string): Promise<Checkpoint> {
  const generation = await openGeneration(storage, folder);
  if (!generation) {
    throw new FileFormatError("there is no checkpoint in this folder", {
      where: folder,
      want: "a folder that a training run has written, with a manifest.json",
    });
  }
  const state = parseState(generation.state, folder);
  const tensors = await readTensors(generation, WEIGHTS_PART, folder);
  return {
    ...state,
    folder,
    tensors,
    latentBytes: generation.partBytes(WEIGHTS_PART),
    restore: (engine, { variables }) => restoreVariables(engine, variables, tensors, `${folder}/${WEIGHTS_PART}`),
  };
}
