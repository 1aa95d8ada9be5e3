import { StorageError } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";

/** How far a download has come. `totalBytes` is undefined where the server does not say. */
export interface FetchProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number | undefined;
  /** The file was in the folder already, and is intact. */
  readonly alreadyThere: boolean;
}

export interface FetchOptions {
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly storage?: Storage;
  /** Another address of the same files, ending with a slash. */
  readonly origin?: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
}

/**
 * The bytes behind an address, counted while they come.
 *
 * @param options.file   what progress calls it
 * @param options.limit  the most bytes that may come
 * @throws {StorageError} when the network refuses, or more comes than the limit
 */
export async function download(
  url: string,
  options: FetchOptions & { readonly file: string; readonly limit: number },
): Promise<Uint8Array> {
  const { file, limit, fetch = globalThis.fetch, onProgress, signal } = options;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || !response.body)
      throw new Error(`the server answered ${response.status} ${response.statusText}`);
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const totalBytes = Number.isSafeInteger(length) ? length : undefined;
    const chunks: Uint8Array[] = [];
    let receivedBytes = 0;
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      receivedBytes += part.value.length;
      if (receivedBytes > limit) throw new Error("far more came than the file has");
      onProgress?.({ file, receivedBytes, totalBytes, alreadyThere: false });
    }
    const bytes = new Uint8Array(receivedBytes);
    chunks.reduce((at, chunk) => {
      bytes.set(chunk, at);
      return at + chunk.length;
    }, 0);
    return bytes;
  } catch (cause) {
    const reason =
      cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
    throw new StorageError(`can't fetch ${url}: ${reason}`, {
      where: url,
      hint: "check the network; what is complete in the folder is not fetched again",
      got: { path: url, errno: "ENETWORK" },
      cause,
    });
  }
}
