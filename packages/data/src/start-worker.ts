import type { BatchPlace } from "./batch-source.js";
import type { Split } from "./dataset.js";
import type { Batch, BatchSettings } from "./prepare-batch.js";

/** To the worker: first what it prepares batches of, then which ones. */
export type WorkerMessage =
  | { readonly split: Split; readonly settings: BatchSettings }
  | { readonly id: number; readonly place: BatchPlace };

/** From the worker: that it has begun, then the batches. */
export type WorkerReply = "ready" | { readonly id: number; readonly batch: Batch };

/** One worker, whatever the platform calls it. */
export interface BatchWorker {
  send(message: WorkerMessage): void;
  /** While held, the worker keeps the process alive; a fresh one does. */
  hold(): void;
  release(): void;
  end(): Promise<void>;
}

export interface WorkerEvents {
  onReply(reply: WorkerReply): void;
  /** It ended, or never began. */
  onDeath(reason: unknown): void;
}

export const isNode = typeof process !== "undefined" && typeof process.versions?.node === "string";

export function startWorker(events: WorkerEvents): Promise<BatchWorker> {
  return isNode ? startNodeWorker(events) : Promise.resolve(startWebWorker(events));
}

async function startNodeWorker({ onReply, onDeath }: WorkerEvents): Promise<BatchWorker> {
  const { Worker: NodeWorker } = await import("node:worker_threads");
  const worker = new NodeWorker(new URL("./batch-worker.js", import.meta.url), { execArgv: [] });
  worker.on("message", onReply);
  worker.on("error", onDeath);
  worker.on("exit", (code) => onDeath(new Error(`the worker that prepares batches ended with code ${code}`)));
  return {
    send: (message) => worker.postMessage(message),
    hold: () => worker.ref(),
    release: () => worker.unref(),
    end: async () => {
      await worker.terminate();
    },
  };
}

function startWebWorker({ onReply, onDeath }: WorkerEvents): BatchWorker {
  const worker = new Worker(new URL("./batch-worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => onReply(data);
  worker.onerror = ({ message }) => onDeath(new Error(message));
  return {
    send: (message) => worker.postMessage(message),
    hold: () => undefined,
    release: () => undefined,
    end: async () => worker.terminate(),
  };
}
