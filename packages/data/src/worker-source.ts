import type { Worker } from "node:worker_threads";
import { type BatchPlace, type BatchSource, openInlineSource } from "./batch-source.js";
import type { Split } from "./dataset.js";
import type { Batch, BatchSettings } from "./prepare-batch.js";

/** What the worker is started with. */
export interface WorkerStart {
  readonly split: Split;
  readonly settings: BatchSettings;
}

/** Asks for one batch. */
export interface WorkerRequest {
  readonly id: number;
  readonly place: BatchPlace;
}

/** Answers: the batch, or that the worker has started. */
export type WorkerReply = "ready" | { readonly id: number; readonly batch: Batch };

interface Pending {
  readonly place: BatchPlace;
  readonly promise: Promise<Batch>;
  readonly resolve: (batch: Batch) => void;
  readonly reject: (reason: unknown) => void;
}

const samePlace = (a: BatchPlace, b: BatchPlace): boolean =>
  a.epoch === b.epoch && a.start === b.start && a.size === b.size;

/**
 * Prepares batches in a worker, `depth` of them ahead of what was asked for. Where no worker starts (browsers, sources that were not
 * built), and when it dies, batches are prepared here: they are the same.
 */
export async function openWorkerSource(split: Split, settings: BatchSettings, depth: number): Promise<BatchSource> {
  const inline = openInlineSource(split, settings);
  const worker = await startWorker({ split: shareSplit(split), settings }).catch(() => undefined);
  if (worker === undefined) return inline;

  const pending = new Map<number, Pending>();
  let nextId = 0;
  let isAlive = true;
  worker.on("message", (reply: WorkerReply) => {
    if (reply === "ready") return;
    pending.get(reply.id)?.resolve(reply.batch);
  });
  const lose = (reason: unknown): void => {
    isAlive = false;
    for (const { reject } of pending.values()) reject(reason);
    pending.clear();
  };
  worker.on("error", lose);
  worker.on("exit", (code) => lose(new Error(`the worker that prepares batches ended with code ${code}`)));

  function request(place: BatchPlace): void {
    for (const other of pending.values()) if (samePlace(other.place, place)) return;
    const id = nextId++;
    const { promise, resolve, reject } = deferred<Batch>();
    promise.catch(() => undefined); // nobody may ever ask for it
    pending.set(id, { place, promise, resolve, reject });
    worker?.postMessage({ id, place } satisfies WorkerRequest);
  }

  return {
    async batch(place, after) {
      if (!isAlive) return inline.batch(place, after);
      const wanted: BatchPlace[] = [place];
      while (wanted.length <= depth) wanted.push(after(wanted[wanted.length - 1]));
      // After a seek, what was prepared for the old place is of no use.
      for (const [id, other] of pending) if (!wanted.some((one) => samePlace(one, other.place))) pending.delete(id);
      for (const one of wanted) request(one);
      worker.ref(); // somebody waits: the process may not end now
      try {
        for (const [id, other] of pending) {
          if (!samePlace(other.place, place)) continue;
          const batch = await other.promise;
          pending.delete(id);
          return batch;
        }
      } catch {
        // The worker died: its work is done here.
      } finally {
        worker.unref();
      }
      return inline.batch(place, after);
    },
    async close() {
      isAlive = false;
      await worker.terminate();
    },
  };
}

function deferred<Value>(): {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (reason: unknown) => void;
} {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Images in shared memory, so that the worker reads them where they are; an unshared copy is sent where there is none. */
function shareSplit(split: Split): Split {
  if (typeof SharedArrayBuffer === "undefined" || split.images.buffer instanceof SharedArrayBuffer) return split;
  const images = new Uint8Array(new SharedArrayBuffer(split.images.length));
  images.set(split.images);
  return { ...split, images };
}

/** Starts the worker and waits until it runs; throws where it can't. */
async function startWorker(workerData: WorkerStart): Promise<Worker> {
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(new URL("./batch-worker.js", import.meta.url), { workerData, execArgv: [] });
  await new Promise<void>((resolve, reject) => {
    worker.once("message", () => resolve()); // "ready"
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the worker ended before it began")));
  });
  worker.removeAllListeners("error");
  worker.removeAllListeners("exit");
  worker.unref();
  return worker;
}
