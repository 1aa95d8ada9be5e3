import type { Engine } from "@lowbit/core-tensor";
import { commitGeneration, type Storage } from "@lowbit/core-tensor/storage";
import type { Model } from "../models/model.js";
import { type CheckpointState, formatState } from "./checkpoint-state.js";
import { WEIGHTS_PART } from "./load-checkpoint.js";
import { packVariables } from "./variables-part.js";

/**
 * Writes what a training run has become by other means than training, such as a calibration: the values that an engine holds of a
 * model, beside the description of the run. `loadCheckpoint` reads it; there is no optimiser in it, so it can't be resumed.
 *
 * @param folder  new or empty
 * @throws {StorageError} when the disk refuses
 */
export async function saveCheckpoint(
  storage: Storage,
  folder: string,
  checkpoint: { readonly engine: Engine; readonly model: Pick<Model, "variables"> } & Omit<
    CheckpointState,
    "engine" | "logBytes" | "finished"
  >,
): Promise<void> {
  const { engine, model, ...state } = checkpoint;
  const { name, build } = engine.backend;
  const parts = new Map([[WEIGHTS_PART, await packVariables(engine, model.variables)]]);
  const described = { ...state, engine: { backend: name, build }, logBytes: 0, finished: true };
  await commitGeneration(storage, folder, { parts, state: formatState(described) });
}
