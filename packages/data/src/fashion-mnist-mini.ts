import { StorageError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import type { Dataset } from "./dataset.js";
import { FASHION_MNIST } from "./fashion-mnist.js";
import { type IdxFileName, readIdxDataset } from "./idx-folder.js";

// Spelled out one by one, so that bundlers see the files and take them along. The package holds them beside src/ and dist/ alike.
const ASSETS: Readonly<Record<IdxFileName, () => URL>> = {
  "train-images-idx3-ubyte": () => new URL("../assets/fashion-mnist-mini/train-images-idx3-ubyte.gz", import.meta.url),
  "train-labels-idx1-ubyte": () => new URL("../assets/fashion-mnist-mini/train-labels-idx1-ubyte.gz", import.meta.url),
  "t10k-images-idx3-ubyte": () => new URL("../assets/fashion-mnist-mini/t10k-images-idx3-ubyte.gz", import.meta.url),
  "t10k-labels-idx1-ubyte": () => new URL("../assets/fashion-mnist-mini/t10k-labels-idx1-ubyte.gz", import.meta.url),
};

/**
 * A slice of Fashion-MNIST that comes with the package: the first 1,000 images of each class of the training set, and the first
 * 200 of each class of the test set. Normalised as the whole set is. Made by scripts/make-fashion-mnist-mini.mjs.
 */
export function readFashionMnistMini(): Promise<Dataset> {
  return readIdxDataset(
    async (name) => {
      const url = ASSETS[name]();
      return { file: url.href, bytes: await readAsset(url) };
    },
    { name: "fashion-mnist-mini", ...FASHION_MNIST },
  );
}

async function readAsset(url: URL): Promise<Uint8Array> {
  if (url.protocol === "file:") {
    const { fileURLToPath } = await import("node:url");
    return openStorage().read(fileURLToPath(url));
  }
  const response = await fetch(url);
  if (!response.ok)
    throw new StorageError(`can't fetch ${url.href}: the server answered ${response.status}`, {
      where: url.href,
      got: { path: url.href, errno: "ENETWORK" },
    });
  return new Uint8Array(await response.arrayBuffer());
}
