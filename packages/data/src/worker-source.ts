import { type BatchPlace, type BatchSource, openInlineSource } from "./batch-source.js";
import type { Split } from "./dataset.js";
import type { Batch, BatchSettings } from "./prepare-batch.js";
import { startWorker, type WorkerReply } from "./start-worker.js";

interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (reason: unknown) => void;
}

function defer<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined); // nobody may ever ask for it
  return { promise, resolve, reject };
}

const samePlace = (a: BatchPlace, b: BatchPlace): boolean =>
  a.epoch === b.epoch && a.start === b.start && a.size === b.size;

/**
 * Prepares batches in a worker, `depth` of them ahead of what was asked for. Where no worker starts (sources that were not built, a
 * page that may not), and when it dies, batches are prepared here: they are the same.
 */
export async function openWorkerSource(split: Split, settings: BatchSettings, depth: number): Promise<BatchSource> {
  const inline = openInlineSource(split, settings);
  const ready = defer<void>();
  const pending = new Map<number, Deferred<Batch> & { readonly place: BatchPlace }>();
  let isAlive = true;
  const onReply = (reply: WorkerReply): void => {
    if (reply === "ready") ready.resolve();
    else pending.get(reply.id)?.resolve(reply.batch);
  };
  const onDeath = (reason: unknown): void => {
    isAlive = false;
    ready.reject(reason);
    for (const { reject } of pending.values()) reject(reason);
    pending.clear();
  };
  const worker = await startWorker({ onReply, onDeath }).catch(() => undefined);
  if (worker === undefined) return inline;
  try {
    worker.send({ split: shareSplit(split), settings });
    await ready.promise;
  } catch {
    return inline;
  } finally {
    worker.release();
  }

  let nextId = 0;
  function request(place: BatchPlace): void {
    for (const other of pending.values()) if (samePlace(other.place, place)) return;
    const id = nextId++;
    pending.set(id, { place, ...defer<Batch>() });
    worker?.send({ id, place });
  }

  async function receive(place: BatchPlace): Promise<Batch | undefined> {
    for (const [id, other] of pending) {
      if (!samePlace(other.place, place)) continue;
      const batch = await other.promise;
      pending.delete(id);
      return batch;
    }
    return undefined;
  }

  return {
    async batch(place, after) {
      if (!isAlive) return inline.batch(place, after);
      const wanted: BatchPlace[] = [place];
      while (wanted.length <= depth) wanted.push(after(wanted[wanted.length - 1]));
      // After a seek, what was prepared for the old place is of no use.
      for (const [id, { place: old }] of pending) if (!wanted.some((one) => samePlace(one, old))) pending.delete(id);
      for (const one of wanted) request(one);
      worker.hold(); // somebody waits: the process may not end now
      try {
        const batch = await receive(place);
        if (batch !== undefined) return batch;
      } catch {
        // The worker died: its work is done here.
      } finally {
        worker.release();
      }
      return inline.batch(place, after);
    },
    async close() {
      isAlive = false;
      await worker.end();
    },
  };
}

/** Images in shared memory, so that the worker reads them where they are; a copy is sent where there is none. */
function shareSplit(split: Split): Split {
  if (typeof SharedArrayBuffer === "undefined" || split.images.buffer instanceof SharedArrayBuffer) return split;
  const images = new Uint8Array(new SharedArrayBuffer(split.images.length));
  images.set(split.images);
  return { ...split, images };
}
