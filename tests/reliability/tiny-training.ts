import { createHash } from "node:crypto";
import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { openGeneration, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { constantSchedule, createModel, sgd, type TrainingCallbacks, tensorLoader, train } from "@lowbit/nn";

export const FOLDER = "/run";

const values = (shape: number[]): HostTensor => {
  const elements = shape.reduce((product, size) => product * size, 1);
  return { dtype: "f32", shape, data: Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 12.9898)) };
};
const images = values([4, 1, 2, 2]);
const labels: HostTensor = { dtype: "i32", shape: [4], data: Int32Array.from([0, 1, 2, 0]) };

/** Trains the smallest of networks for two steps, with a checkpoint after each, or goes on where the folder's run stopped. */
export async function trainTiny(storage: Storage, callbacks: TrainingCallbacks = {}): Promise<void> {
  const engine = await createEngine({ backend: "js" });
  try {
    await train({
      engine,
      model: createModel("mlp", { inputShape: [1, 2, 2], classes: 3, width: 0.05, seed: 5 }),
      loader: tensorLoader({ images, labels, batch: 2 }),
      epochs: 1,
      optimiser: sgd({ momentum: 0.9 }),
      schedule: constantSchedule({ learningRate: 0.1 }),
      callbacks,
      checkpoint: { storage, folder: FOLDER, everySeconds: 0, resume: true },
    });
  } finally {
    await engine.close();
  }
}

/** What a folder's checkpoint says, as one text: "none" where there is none. Throws where it is damaged. */
export async function checkpointIn(storage: Storage): Promise<string> {
  const generation = await openGeneration(storage, FOLDER);
  if (!generation) return "none";
  const hash = createHash("sha256").update(JSON.stringify(generation.state));
  for (const name of generation.partNames) hash.update(name).update(await generation.part(name));
  const logBytes = Number((generation.state as { logBytes?: number }).logBytes ?? 0);
  if (logBytes > 0) {
    const log = await storage.readRange(`${FOLDER}/log.jsonl`, { start: 0, bytes: logBytes }); // throws where it is shorter
    hash.update(log);
  }
  return hash.digest("hex");
}

export const quietStorage = (disk: Parameters<typeof openStorage>[0]): Storage =>
  openStorage({ ...disk, faults: disk?.faults ?? (() => undefined) });
