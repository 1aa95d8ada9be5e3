// The other side of worker-source.ts: prepares the batches that it is asked for, in a worker of Node or of a browser.

import type { Split } from "./dataset.js";
import type { BatchSettings } from "./prepare-batch.js";
import { createEpochOrder, type EpochOrder, prepareBatch } from "./prepare-batch.js";
import { isNode, type WorkerMessage, type WorkerReply } from "./start-worker.js";

interface Port {
  send(reply: WorkerReply, transfer: ArrayBuffer[]): void;
  listen(handle: (message: WorkerMessage) => void): void;
}

function serveBatches({ send, listen }: Port): void {
  let work: { split: Split; settings: BatchSettings; orderOf: EpochOrder } | undefined;
  listen((message) => {
    if ("split" in message) {
      const { split, settings } = message;
      work = { split, settings, orderOf: createEpochOrder(split.count, settings) };
      send("ready", []);
    } else if (work !== undefined) {
      const { id, place } = message;
      const batch = prepareBatch(work.split, work.settings, { ...place, order: work.orderOf(place.epoch) });
      const { images, labels, indices } = batch;
      send(
        { id, batch },
        [images, labels, indices].map(({ data }) => data.buffer as ArrayBuffer),
      );
    }
  });
}

if (isNode) {
  const { parentPort } = await import("node:worker_threads");
  serveBatches({
    send: (reply, transfer) => parentPort?.postMessage(reply, transfer),
    listen: (handle) => parentPort?.on("message", handle),
  });
} else {
  const scope = globalThis as unknown as {
    postMessage(message: unknown, transfer: ArrayBuffer[]): void;
    onmessage: ((event: { data: WorkerMessage }) => void) | null;
  };
  serveBatches({
    send: (reply, transfer) => scope.postMessage(reply, transfer),
    listen: (handle) => {
      scope.onmessage = ({ data }) => handle(data);
    },
  });
}
