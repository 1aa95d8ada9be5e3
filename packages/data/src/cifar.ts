import { FileFormatError } from "@lowbit/core-tensor";
import { joinPath, openStorage, reserve, type Storage } from "@lowbit/core-tensor/storage";
import { createDataset, type Dataset, type Normalisation, type Split } from "./dataset.js";

const IMAGE_BYTES = 3 * 32 * 32;
const MAX_RECORDS = 100_000; // all of CIFAR has 60,000

const CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const CIFAR100_CLASSES =
  "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm".split(
    " ",
  );

// Statistics of the training sets, as commonly used
const CIFAR10_NORMALISATION: Normalisation = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };
const CIFAR100_NORMALISATION: Normalisation = { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] };

/**
 * Reads records of CIFAR's binary version: label bytes, then 3072 bytes of image [3, 32, 32].
 *
 * @param options.labelBytes  1 in CIFAR-10; 2 in CIFAR-100, coarse and fine, of which the last counts
 * @param options.classes     how many classes there are: a label beyond is refused
 */
export function readCifarRecords(
  bytes: Uint8Array,
  { file, labelBytes, classes }: { readonly file: string; readonly labelBytes: 1 | 2; readonly classes: number },
): Split {
  const recordBytes = labelBytes + IMAGE_BYTES;
  const count = bytes.length / recordBytes;
  if (!Number.isInteger(count) || count === 0)
    throw new FileFormatError(`${file} has ${bytes.length} bytes, not a whole number of records of ${recordBytes}`, {
      where: file,
    });
  if (count > MAX_RECORDS)
    throw new FileFormatError(`${file} has ${count} records, more than ${MAX_RECORDS}`, { where: file });
  const images = reserve(count * IMAGE_BYTES, MAX_RECORDS * IMAGE_BYTES, file);
  const labels = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    const start = n * recordBytes;
    labels[n] = bytes[start + labelBytes - 1];
    if (labels[n] >= classes)
      throw new FileFormatError(`record ${n} of ${file} has label ${labels[n]}, there are ${classes} classes`, {
        where: file,
      });
    images.set(bytes.subarray(start + labelBytes, start + recordBytes), n * IMAGE_BYTES);
  }
  return { count, imageShape: [3, 32, 32], images, labels };
}

/** CIFAR-10 from its binary version: the folder with `data_batch_1.bin` … `data_batch_5.bin` and `test_batch.bin`, or the one above. */
export async function readCifar10(
  folder: string,
  { storage = openStorage() }: { readonly storage?: Storage } = {},
): Promise<Dataset> {
  const inside = await findFolder(storage, folder, "cifar-10-batches-bin", "test_batch.bin");
  const read = (name: string): Promise<Split> =>
    readRecordFile(storage, joinPath(inside, name), 1, CIFAR10_CLASSES.length);
  const batches: Split[] = [];
  for (let batch = 1; batch <= 5; batch++) batches.push(await read(`data_batch_${batch}.bin`));
  return createDataset({
    name: "cifar10",
    classes: CIFAR10_CLASSES,
    normalisation: CIFAR10_NORMALISATION,
    train: concatenate(batches),
    test: await read("test_batch.bin"),
  });
}

/** CIFAR-100, its 100 fine classes, from its binary version: the folder with `train.bin` and `test.bin`, or the one above. */
export async function readCifar100(
  folder: string,
  { storage = openStorage() }: { readonly storage?: Storage } = {},
): Promise<Dataset> {
  const inside = await findFolder(storage, folder, "cifar-100-binary", "test.bin");
  const read = (name: string): Promise<Split> =>
    readRecordFile(storage, joinPath(inside, name), 2, CIFAR100_CLASSES.length);
  return createDataset({
    name: "cifar100",
    classes: CIFAR100_CLASSES,
    normalisation: CIFAR100_NORMALISATION,
    train: await read("train.bin"),
    test: await read("test.bin"),
  });
}

/** The archives unpack to a folder of their own: its parent is as good. */
async function findFolder(storage: Storage, folder: string, unpacked: string, file: string): Promise<string> {
  const below = joinPath(folder, unpacked);
  return (await storage.exists(joinPath(folder, file))) || !(await storage.exists(below)) ? folder : below;
}

async function readRecordFile(storage: Storage, path: string, labelBytes: 1 | 2, classes: number): Promise<Split> {
  const bytes = await storage.read(path, { limit: MAX_RECORDS * (IMAGE_BYTES + labelBytes) });
  return readCifarRecords(bytes, { file: path, labelBytes, classes });
}

function concatenate(splits: readonly Split[]): Split {
  const count = splits.reduce((sum, split) => sum + split.count, 0);
  const images = reserve(count * IMAGE_BYTES, 5 * MAX_RECORDS * IMAGE_BYTES, "CIFAR");
  const labels = new Int32Array(count);
  let at = 0;
  for (const split of splits) {
    images.set(split.images, at * IMAGE_BYTES);
    labels.set(split.labels, at);
    at += split.count;
  }
  return { count, imageShape: splits[0].imageShape, images, labels };
}
