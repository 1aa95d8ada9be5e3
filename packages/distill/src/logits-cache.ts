import { FileFormatError, type HostTensor, LowbitError } from "@lowbit/core-tensor";
import {
  joinPath,
  readSafetensors,
  type SafeTensor,
  type Storage,
  sha256,
  typedData,
  writeSafetensors,
} from "@lowbit/core-tensor/storage";
import type { JsonRecord } from "@lowbit/nn";

export interface LogitsCacheOptions {
  readonly storage: Storage;
  /** Made when something is written. */
  readonly folder: string;
  /**
   * All that decides the logits beside the epoch: the teacher's identity, the data, their augmentation and its seed, the kernels.
   * Another key is another file, so what changes is never found again.
   */
  readonly key: JsonRecord;
  /** Told of a file that is damaged: it is written anew. */
  readonly warn?: (message: string) => void;
}

/** Largest header of our own files: a key and two checksums. */
const HEADER_BYTES = 64 * 1024;

const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text);

// One file for each pass over the data, "teacher-logits-<SHA-256 of its key>.safetensors":
//   __metadata__  key, as JSON; sha256 of the tensor's bytes
//   logits        F32 [images, classes], by the image's number in its split

/** A teacher's logits on disk. Reading never fails for what a file holds: a damaged one counts as absent. */
export class LogitsCache {
  constructor(private readonly options: LogitsCacheOptions) {}

  /** The logits [images, classes] of one pass; undefined where no whole and fitting file has them. */
  async read(pass: JsonRecord, shape: readonly [number, number]): Promise<HostTensor | undefined> {
    const { storage, warn } = this.options;
    const { key, file } = await this.placeOf(pass);
    if (!(await storage.exists(file))) return undefined;
    const [images, classes] = shape;
    try {
      const bytes = await storage.read(file, { limit: images * classes * 4 + HEADER_BYTES });
      const { tensors, metadata } = readSafetensors(bytes, { file });
      const logits = tensors.get("logits");
      const isWhole =
        logits !== undefined &&
        logits.shape.join() === shape.join() &&
        metadata.get("key") === key &&
        metadata.get("sha256") === (await sha256(logits.data));
      if (!isWhole) throw new FileFormatError("its checksum, key or shape is another", { where: file });
      return { dtype: "f32", shape, data: typedData(logits, "F32", file) };
    } catch (error) {
      if (!(error instanceof LowbitError && error.code !== "LOWBIT_STORAGE")) throw error;
      warn?.(`${file} is damaged and is made again: ${error.message.split("\n")[0]}`);
      return undefined;
    }
  }

  async write(pass: JsonRecord, { shape, data }: HostTensor): Promise<void> {
    const { storage, folder } = this.options;
    const { key, file } = await this.placeOf(pass);
    const bytes = new Uint8Array(Float32Array.from(data).buffer);
    const logits: SafeTensor = { dtype: "F32", shape, data: bytes };
    const metadata = new Map([
      ["key", key],
      ["sha256", await sha256(bytes)],
    ]);
    await storage.makeFolder(folder);
    await storage.writeAtomic(file, writeSafetensors(new Map([["logits", logits]]), metadata));
  }

  private async placeOf(pass: JsonRecord): Promise<{ key: string; file: string }> {
    const key = JSON.stringify({ ...this.options.key, pass });
    const name = `teacher-logits-${(await sha256(bytesOfText(key))).slice(0, 32)}.safetensors`;
    return { key, file: joinPath(this.options.folder, name) };
  }
}
