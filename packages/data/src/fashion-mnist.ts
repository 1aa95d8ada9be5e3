import { FileFormatError, LowbitError } from "@lowbit/core-tensor";
import { joinPath, openStorage, type Storage, sha256 } from "@lowbit/core-tensor/storage";
import type { Dataset } from "./dataset.js";
import { download, type FetchOptions } from "./download.js";
import { gunzip } from "./gunzip.js";
import { IDX_FILES, type IdxFileName, idxFolderSource, readIdxDataset } from "./idx-folder.js";

/** What Fashion-MNIST's labels mean, and the statistics of its training set. Source: Xiao, Rasul, Vollgraf, arXiv 1708.07747. */
export const FASHION_MNIST = {
  classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
  normalisation: { mean: [0.286], std: [0.353] },
} as const;

/** Where the authors keep the files. */
const ORIGIN = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/";

/** SHA-256 of each file once inflated: gzip's own header differs between distributors, the content does not. */
const CONTENT: Readonly<Record<IdxFileName, { readonly bytes: number; readonly sha256: string }>> = {
  "train-images-idx3-ubyte": {
    bytes: 47040016,
    sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
  },
  "train-labels-idx1-ubyte": {
    bytes: 60008,
    sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
  },
  "t10k-images-idx3-ubyte": {
    bytes: 7840016,
    sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
  },
  "t10k-labels-idx1-ubyte": {
    bytes: 10008,
    sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
  },
};

const LARGEST_FILE = 2 * CONTENT["train-images-idx3-ubyte"].bytes;

/** The whole of Fashion-MNIST, 60,000 images to train from and 10,000 to test, from the folder of its four files. */
export function readFashionMnist(
  folder: string,
  { storage = openStorage() }: { readonly storage?: Storage } = {},
): Promise<Dataset> {
  return readIdxDataset(idxFolderSource(storage, folder), { name: "fashion-mnist", ...FASHION_MNIST });
}

/**
 * Downloads Fashion-MNIST's four files (31 MB) into a folder, made where it is missing. Each is checked against its known SHA-256
 * before it is written, and written whole or not at all; files that are there and intact are not fetched again.
 *
 * @throws {StorageError} when the network or the disk refuses
 * @throws {FileFormatError} when what came is not Fashion-MNIST
 */
export async function fetchFashionMnist(folder: string, options: FetchOptions = {}): Promise<void> {
  const { onProgress, storage = openStorage(), origin = ORIGIN } = options;
  await storage.makeFolder(folder);
  for (const name of IDX_FILES) {
    const file = `${name}.gz`;
    const path = joinPath(folder, file);
    const status = await storage.status(path);
    if (status?.kind === "file" && (await isIntact(await storage.read(path), name, path))) {
      onProgress?.({ file, receivedBytes: status.bytes, totalBytes: status.bytes, alreadyThere: true });
      continue;
    }
    const url = origin + file;
    const bytes = await download(url, { ...options, file, limit: LARGEST_FILE });
    if (!(await isIntact(bytes, name, url)))
      throw new FileFormatError(`what came from ${url} is not Fashion-MNIST's ${file}: its SHA-256 is another`, {
        where: url,
      });
    await storage.writeAtomic(path, bytes);
  }
}

async function isIntact(bytes: Uint8Array, name: IdxFileName, where: string): Promise<boolean> {
  const expected = CONTENT[name];
  try {
    const content = await gunzip(bytes, { file: where, limit: expected.bytes });
    return content.length === expected.bytes && (await sha256(content)) === expected.sha256;
  } catch (error) {
    if (error instanceof LowbitError) return false;
    throw error;
  }
}
