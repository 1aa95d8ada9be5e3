import { FileFormatError } from "@lowbit/core-tensor";
import { hasErrno, joinPath, type Storage } from "@lowbit/core-tensor/storage";
import { createDataset, type Dataset, type Normalisation, type Split } from "./dataset.js";
import { readIdx } from "./read-idx.js";

/** The four files of MNIST and of the sets made in its image. */
export const IDX_FILES = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
] as const;

export type IdxFileName = (typeof IDX_FILES)[number];

/** Gives the bytes of one of the four files, plain or gzipped, and a name for errors. */
export type IdxSource = (name: IdxFileName) => Promise<{ readonly file: string; readonly bytes: Uint8Array }>;

/** The four files in a folder, each with ".gz" or without. */
export function idxFolderSource(storage: Storage, folder: string): IdxSource {
  return async (name) => {
    const file = joinPath(folder, name);
    try {
      return { file: `${file}.gz`, bytes: await storage.read(`${file}.gz`) };
    } catch (error) {
      if (!hasErrno(error, "ENOENT")) throw error;
    }
    return { file, bytes: await storage.read(file) };
  };
}

/** A data set of grey images from the four files. */
export async function readIdxDataset(
  source: IdxSource,
  {
    name,
    classes,
    normalisation,
  }: { readonly name: string; readonly classes: readonly string[]; readonly normalisation: Normalisation },
): Promise<Dataset> {
  const train = await readIdxSplit(source, IDX_FILES[0], IDX_FILES[1]);
  const test = await readIdxSplit(source, IDX_FILES[2], IDX_FILES[3]);
  return createDataset({ name, classes, train, test, normalisation });
}

async function readIdxSplit(source: IdxSource, imagesName: IdxFileName, labelsName: IdxFileName): Promise<Split> {
  const imagesFile = await source(imagesName);
  const labelsFile = await source(labelsName);
  const images = await readIdx(imagesFile.bytes, { file: imagesFile.file, rank: 3 });
  const labels = await readIdx(labelsFile.bytes, { file: labelsFile.file, rank: 1 });
  const [count, height, width] = images.shape;
  if (labels.shape[0] !== count)
    throw new FileFormatError(`${labelsFile.file} has ${labels.shape[0]} labels for ${count} images`, {
      where: labelsFile.file,
    });
  return { count, imageShape: [1, height, width], images: images.data, labels: Int32Array.from(labels.data) };
}
