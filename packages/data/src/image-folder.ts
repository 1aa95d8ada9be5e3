import { createStream, FileFormatError, permutation } from "@lowbit/core-tensor";
import { type FolderEntry, joinPath, openStorage, reserve, type Storage } from "@lowbit/core-tensor/storage";
import { createDataset, type Dataset, type ImageShape, measureNormalisation, type Split } from "./dataset.js";
import { type DecodedImage, decodeImage } from "./decode-image.js";
import { fitImage } from "./fit-image.js";

const IMAGE_NAME = /\.(png|jpe?g)$/i;
const MAX_FILE_BYTES = 64 * 2 ** 20;
const MAX_TOTAL_BYTES = 2 ** 31;

interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

/**
 * A data set from PNG and JPEG files of one size, in a folder for each class: FOLDER/train/CLASS/… and FOLDER/test/CLASS/…, or
 * FOLDER/CLASS/…, where a tenth of each class is held out to test, always the same one. Files of other kinds and hidden ones are
 * passed over; links are refused, so that nothing outside the folder is read.
 *
 * @throws {FileFormatError} for a link, a picture of another size, a damaged one, or a class with nothing in it
 */
export async function readImageFolder(
  folder: string,
  { storage = openStorage() }: { readonly storage?: Storage } = {},
): Promise<Dataset> {
  const { classes, train, test } = await findFiles(storage, folder);
  const first = await readImage(storage, train[0].path);
  const shape: ImageShape = [first.channels, first.height, first.width];
  const trainSplit = await readSplit(storage, train, shape);
  const testSplit = await readSplit(storage, test, shape);
  return createDataset({
    name: "folder",
    classes,
    train: trainSplit,
    test: testSplit,
    normalisation: measureNormalisation(trainSplit),
  });
}

async function findFiles(
  storage: Storage,
  folder: string,
): Promise<{ classes: string[]; train: LabelledFile[]; test: LabelledFile[] }> {
  const names = (await listSafely(storage, folder)).filter(({ kind }) => kind === "folder").map(({ name }) => name);
  if (names.includes("train") && names.includes("test")) {
    const [trainFolder, testFolder] = [joinPath(folder, "train"), joinPath(folder, "test")];
    const classes = await listClasses(storage, trainFolder);
    const testClasses = await listClasses(storage, testFolder);
    if (testClasses.join("/") !== classes.join("/"))
      throw new FileFormatError(
        `train and test have other classes: ${classes.join(", ")} and ${testClasses.join(", ")}`,
        { where: folder },
      );
    return {
      classes,
      train: (await listFiles(storage, trainFolder, classes)).flat(),
      test: (await listFiles(storage, testFolder, classes)).flat(),
    };
  }
  const classes = await listClasses(storage, folder);
  const train: LabelledFile[] = [];
  const test: LabelledFile[] = [];
  for (const [label, files] of (await listFiles(storage, folder, classes)).entries()) {
    if (files.length < 2)
      throw new FileFormatError(
        `the class ${JSON.stringify(classes[label])} has one picture; two are needed to hold one out`,
        { where: folder },
      );
    const heldOut = new Set(
      permutation(files.length, createStream(0, `held out/${classes[label]}`)).subarray(
        0,
        Math.ceil(files.length / 10),
      ),
    );
    for (const [i, file] of files.entries()) (heldOut.has(i) ? test : train).push(file);
  }
  return { classes, train, test };
}

async function listSafely(storage: Storage, folder: string): Promise<FolderEntry[]> {
  const entries = (await storage.list(folder)).filter(({ name }) => !name.startsWith("."));
  for (const { name, kind } of entries) {
    if (kind !== "link") continue;
    throw new FileFormatError(`${JSON.stringify(joinPath(folder, name))} is a symbolic link`, {
      where: folder,
      hint: "put the files themselves there",
    });
  }
  return entries;
}

async function listClasses(storage: Storage, folder: string): Promise<string[]> {
  const classes = (await listSafely(storage, folder)).filter(({ kind }) => kind === "folder").map(({ name }) => name);
  if (classes.length < 2)
    throw new FileFormatError(`there are ${classes.length} folders, at least two classes are needed`, {
      where: folder,
      want: "FOLDER/CLASS/*.png, or FOLDER/train/CLASS/*.png and FOLDER/test/CLASS/*.png",
    });
  const unprintable = classes.find((name) => /\p{Cc}/u.test(name));
  if (unprintable !== undefined)
    throw new FileFormatError(`the class ${JSON.stringify(unprintable)} has a control character in its name`, {
      where: folder,
    });
  return classes;
}

/** Files of each class, by name. */
async function listFiles(storage: Storage, folder: string, classes: readonly string[]): Promise<LabelledFile[][]> {
  const files: LabelledFile[][] = [];
  for (const [label, name] of classes.entries()) {
    const inside = joinPath(folder, name);
    const entries = (await listSafely(storage, inside)).filter(
      (entry) => entry.kind === "file" && IMAGE_NAME.test(entry.name),
    );
    if (entries.length === 0)
      throw new FileFormatError(`there is no PNG or JPEG file of the class ${JSON.stringify(name)}`, { where: inside });
    files.push(entries.map((entry) => ({ path: joinPath(inside, entry.name), label })));
  }
  return files;
}

async function readImage(storage: Storage, path: string): Promise<DecodedImage> {
  return decodeImage(await storage.read(path, { limit: MAX_FILE_BYTES, followLink: false }), { file: path });
}

async function readSplit(storage: Storage, files: readonly LabelledFile[], imageShape: ImageShape): Promise<Split> {
  const [C, H, W] = imageShape;
  const images = reserve(files.length * C * H * W, MAX_TOTAL_BYTES, `${files.length} pictures of ${W} x ${H}`);
  for (const [n, { path }] of files.entries()) {
    const image = await readImage(storage, path);
    if (image.width !== W || image.height !== H)
      throw new FileFormatError(
        `${path} has ${image.width} x ${image.height} pixels, the first picture has ${W} x ${H}`,
        { where: path, want: "pictures of one size" },
      );
    images.set(fitImage(image, imageShape), n * C * H * W);
  }
  return { count: files.length, imageShape, images, labels: Int32Array.from(files, ({ label }) => label) };
}
