import { ArgumentError, type HostTensor, yieldToEventLoop } from "@lowbit/core-tensor";
import { type Batch, InterruptedError, type Loader, type LogitsFunction } from "@lowbit/nn";
import type { TaughtBatch } from "./apprentice-step.js";
import type { LogitsCache } from "./logits-cache.js";

/** A batch that says which images of its split it holds: what `createLoader` of @lowbit/data gives. */
export interface NumberedBatch extends Batch {
  /** [N] i32 */
  readonly indices: HostTensor;
}

/** Where the teacher's word came from: all of it from the disk; computed and written; or asked as it was needed. */
export type CacheUse = "hit" | "miss" | "live";

export interface TeachOptions {
  readonly loader: Loader<NumberedBatch>;
  /** The teacher, compiled for the engine. */
  readonly logitsOf: LogitsFunction;
  /** Absent: the teacher is asked about each batch when its turn comes. */
  readonly cache?: {
    readonly cache: LogitsCache;
    /** Of the split: the loader gives out each of them once an epoch. */
    readonly images: number;
    readonly classes: number;
    /** Images are changed at random: each epoch has logits of its own, found again by the same seed. */
    readonly perEpoch: boolean;
  };
  readonly signal?: AbortSignal;
  /** Told while an epoch's logits are computed: images done so far. */
  readonly onTeacher?: (images: number, of: number) => void;
}

/** What the teacher has cost so far. */
export interface TeachingReport {
  readonly cache: CacheUse;
  /** That this teacher was computing, in this process. */
  readonly teacherSeconds: number;
}

export interface TaughtLoader extends Loader<TaughtBatch> {
  report(): TeachingReport;
}

/** Batches with the teacher's logits on them, from the cache where it has them. The logits are the same either way, bit for bit. */
export function teachLoader(options: TeachOptions): TaughtLoader {
  const { loader, logitsOf, cache, signal, onTeacher } = options;
  let seconds = 0;
  let hasMissed = false;
  let known: { readonly pass: string; readonly logits: HostTensor } | undefined;

  const ask = async (images: HostTensor): Promise<HostTensor> => {
    const started = performance.now();
    const { logits } = await logitsOf({ images });
    seconds += (performance.now() - started) / 1000;
    return logits;
  };

  /** All logits of one epoch, by the image's number. Leaves the loader where it was. */
  async function computePass(epoch: number, images: number, classes: number): Promise<HostTensor> {
    const place = loader.position();
    const data = new Float32Array(images * classes);
    const seen = new Set<number>();
    loader.seek({ epoch, cursor: 0 });
    for await (const batch of loader) {
      if (signal?.aborted) throw new InterruptedError(`while the teacher was asked about epoch ${epoch + 1}`);
      const logits = await ask(batch.images);
      scatter(logits, batch.indices, { images, classes, data, seen });
      onTeacher?.(seen.size, images);
      await yieldToEventLoop();
    }
    loader.seek(place);
    if (seen.size !== images) {
      throw new ArgumentError(`an epoch gave out ${seen.size} of ${images} images`, {
        want: "a loader that gives out each image once an epoch, or no cache",
      });
    }
    return { dtype: "f32", shape: [images, classes], data };
  }

  async function passOf(epoch: number, { cache: disk, images, classes, perEpoch }: NonNullable<typeof cache>) {
    const pass = perEpoch ? { epoch } : { epoch: "every" };
    const name = JSON.stringify(pass);
    if (known?.pass !== name) {
      let logits = await disk.read(pass, [images, classes]);
      if (!logits) {
        hasMissed = true;
        logits = await computePass(epoch, images, classes);
        await disk.write(pass, logits);
      }
      known = { pass: name, logits };
    }
    return known.logits;
  }

  return {
    batchesPerEpoch: loader.batchesPerEpoch,
    position: () => loader.position(),
    seek: (place) => loader.seek(place),
    async *[Symbol.asyncIterator]() {
      const { epoch } = loader.position();
      const all = cache && (await passOf(epoch, cache));
      for await (const batch of loader) {
        const teacherLogits = all ? gatherRows(all, batch.indices) : await ask(batch.images);
        yield { ...batch, teacherLogits };
      }
    },
    report: () => ({ cache: !cache ? "live" : hasMissed ? "miss" : "hit", teacherSeconds: seconds }),
  };
}

function scatter(
  logits: HostTensor,
  indices: HostTensor,
  into: { images: number; classes: number; data: Float32Array; seen: Set<number> },
): void {
  const { images, classes, data, seen } = into;
  if (logits.shape[1] !== classes) {
    throw new ArgumentError(`the teacher tells ${logits.shape[1]} classes apart, the data have ${classes}`, {
      want: `logits [N, ${classes}]`,
    });
  }
  for (let n = 0; n < indices.data.length; n++) {
    const image = indices.data[n];
    if (!(image >= 0 && image < images)) {
      throw new ArgumentError(`image ${image} is none of the split's ${images}`, { where: "indices" });
    }
    data.set(logits.data.subarray(n * classes, (n + 1) * classes) as Float32Array, image * classes);
    seen.add(image);
  }
}

function gatherRows({ shape: [, classes], data }: HostTensor, indices: HostTensor): HostTensor {
  const rows = new Float32Array(indices.data.length * classes);
  for (let n = 0; n < indices.data.length; n++) {
    const image = indices.data[n];
    rows.set(data.subarray(image * classes, (image + 1) * classes) as Float32Array, n * classes);
  }
  return { dtype: "f32", shape: [indices.data.length, classes], data: rows };
}
