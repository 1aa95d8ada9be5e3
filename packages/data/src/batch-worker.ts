// The other side of worker-source.ts: a worker of Node that prepares the batches it is asked for.
import { parentPort, workerData } from "node:worker_threads";
import { createEpochOrder, prepareBatch } from "./prepare-batch.js";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-source.js";

const { split, settings } = workerData as WorkerStart;
const orderOf = createEpochOrder(split.count, settings);

parentPort?.on("message", ({ id, place }: WorkerRequest) => {
  const batch = prepareBatch(split, settings, { ...place, order: orderOf(place.epoch) });
  parentPort?.postMessage({ id, batch } satisfies WorkerReply, [
    batch.images.data.buffer as ArrayBuffer,
    batch.labels.data.buffer as ArrayBuffer,
  ]);
});
parentPort?.postMessage("ready" satisfies WorkerReply);
