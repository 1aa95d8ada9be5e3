import { FileFormatError, MemoryLimitError } from "@lowbit/core-tensor";
import { checkReservation, reserve } from "@lowbit/core-tensor/storage";

export interface InflateOptions {
  /** Name of the file, for errors. */
  readonly file: string;
  /** The most bytes that may come out: by default four times the compressed ones and 16 MiB. */
  readonly limit?: number;
}

/** Whether bytes begin as gzip does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * The content of gzip bytes, of one member: browsers refuse what follows it. What comes out is counted as it comes: a small file that
 * would fill the memory is stopped at the limit.
 *
 * @throws {FileFormatError} when the stream is damaged or ends too early
 * @throws {MemoryLimitError} when more than `limit` bytes come out
 */
export function gunzip(bytes: Uint8Array, options: InflateOptions): Promise<Uint8Array<ArrayBuffer>> {
  return inflate(bytes, "gzip", options);
}

/** As `gunzip`, for a stream of zlib ("deflate", as in PNG). */
export async function inflate(
  bytes: Uint8Array,
  format: "gzip" | "deflate",
  { file, limit = 4 * bytes.length + 16 * 2 ** 20 }: InflateOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new DecompressionStream(format);
  const writer = stream.writable.getWriter();
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  // Failures of the writing side show on the reading side, which is awaited.
  writer.write(own).catch(() => undefined);
  writer.close().catch(() => undefined);
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      total += value.length;
      checkReservation(total, limit, file);
      chunks.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    if (error instanceof MemoryLimitError)
      throw new MemoryLimitError(`${file} inflates to more than ${limit} bytes`, { where: file, cause: error });
    throw new FileFormatError(`${file} is damaged: its compressed data do not inflate`, { where: file, cause: error });
  }
  const content = reserve(total, limit, file);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}
