import { ArgumentError } from "@lowbit/core-tensor";
import { hasErrno, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { readCifar10, readCifar100 } from "./cifar.js";
import type { Dataset } from "./dataset.js";
import { readFashionMnist } from "./fashion-mnist.js";
import { readFashionMnistMini } from "./fashion-mnist-mini.js";
import { idxFolderSource, readIdxDataset } from "./idx-folder.js";
import { readImageFolder } from "./image-folder.js";
import { nearestName } from "./nearest-name.js";
import { spamAssassin, textPackages } from "./text/text-packages.js";

/** Names that openText and openLabelledText know. */
const TEXT_KINDS: ReadonlySet<string> = new Set([
  ...["text", "labelled-text", spamAssassin.name],
  ...textPackages.map(({ name }) => name),
]);

/** One kind of data set that a name can mean. */
export interface DatasetKind {
  readonly name: string;
  readonly summary: string;
  /** What follows the name after a colon: nothing, a folder, a file, or a folder that may be left out. */
  readonly path: "none" | "required" | "file" | { readonly default: string };
}

interface DatasetOpener extends DatasetKind {
  readonly path: Exclude<DatasetKind["path"], "file">;
  readonly open: (path: string, storage: Storage) => Promise<Dataset>;
}

const MNIST_CLASSES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const KINDS: readonly DatasetOpener[] = [
  {
    name: "fashion-mnist-mini",
    summary: "10,000 + 2,000 images of clothes, 28 x 28, grey; comes with the package",
    path: "none",
    open: () => readFashionMnistMini(),
  },
  {
    name: "fashion-mnist",
    summary: "60,000 + 10,000 images of clothes, 28 x 28, grey; fetched by: lowbit data fetch fashion-mnist",
    path: { default: "data/fashion-mnist" },
    open: (path, storage) => readFashionMnist(path, { storage }),
  },
  {
    name: "mnist",
    summary: "digits, 28 x 28, grey: the folder of the four IDX files",
    path: "required",
    open: (path, storage) =>
      readIdxDataset(idxFolderSource(storage, path), {
        name: "mnist",
        classes: MNIST_CLASSES,
        normalisation: { mean: [0.1307], std: [0.3081] },
      }),
  },
  {
    name: "cifar10",
    summary: "50,000 + 10,000 photographs of 10 classes, 32 x 32, colour: the folder of the binary version",
    path: "required",
    open: (path, storage) => readCifar10(path, { storage }),
  },
  {
    name: "cifar100",
    summary: "50,000 + 10,000 photographs of 100 classes, 32 x 32, colour: the folder of the binary version",
    path: "required",
    open: (path, storage) => readCifar100(path, { storage }),
  },
  {
    name: "folder",
    summary: "your own PNG and JPEG files: a folder for each class, below train and test or alone",
    path: "required",
    open: (path, storage) => readImageFolder(path, { storage }),
  },
];

/** The names that `openDataset` knows. */
export const datasetKinds: readonly DatasetKind[] = KINDS.map(({ name, summary, path }) => ({ name, summary, path }));

/** What a name like "cifar10:PATH" stands for, checked, with nothing opened. */
export interface DatasetReference {
  readonly kind: string;
  /** undefined where the kind takes none. */
  readonly path: string | undefined;
}

/**
 * Resolves a data set's name without touching a file.
 *
 * @throws {ArgumentError} for an unknown name ("did you mean"), a missing or a superfluous folder
 */
export function resolveDataset(name: string): DatasetReference {
  const colon = name.indexOf(":");
  const [kindName, given] = colon < 0 ? [name, undefined] : [name.slice(0, colon), name.slice(colon + 1)];
  const kind = KINDS.find((known) => known.name === kindName);
  const refuse = (headline: string, hint?: string): never => {
    throw new ArgumentError(headline, {
      op: "openDataset",
      want: `one of ${KINDS.map(spelling).join(", ")}`,
      got: name,
      hint,
    });
  };
  if (kind === undefined) {
    if (TEXT_KINDS.has(kindName)) {
      return refuse(
        `there is no data set of images ${JSON.stringify(name)}`,
        "texts are read by recurrent networks: --model lstm, gru or vanilla",
      );
    }
    const near = nearestName(
      kindName,
      KINDS.map((known) => known.name),
    );
    return refuse(
      `there is no data set ${JSON.stringify(name)}`,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
  }
  if (kind.path === "none")
    return given === undefined ? { kind: kind.name, path: undefined } : refuse(`${kind.name} takes no folder`);
  if (given) return { kind: kind.name, path: given };
  if (kind.path === "required") return refuse(`${kind.name} needs a folder`, `${kind.name}:FOLDER`);
  return given === ""
    ? refuse(`${kind.name} needs a folder after the colon`)
    : { kind: kind.name, path: kind.path.default };
}

const spelling = ({ name, path }: DatasetKind): string =>
  path === "none" ? name : path === "required" ? `${name}:FOLDER` : `${name}[:FOLDER]`;

/**
 * Opens a data set by name: "fashion-mnist-mini", "fashion-mnist", "fashion-mnist:FOLDER", "mnist:FOLDER", "cifar10:FOLDER",
 * "cifar100:FOLDER" or "folder:FOLDER".
 *
 * @throws {ArgumentError} when the name is not known
 * @throws {StorageError} when files are missing or can't be read
 * @throws {FileFormatError} when a file is not what it should be
 * @example const { train, test, classes } = await openDataset("fashion-mnist-mini");
 */
export async function openDataset(
  name: string,
  { storage = openStorage() }: { readonly storage?: Storage } = {},
): Promise<Dataset> {
  const { kind, path } = resolveDataset(name);
  const opener = KINDS.find((known) => known.name === kind) as DatasetOpener; // resolved a line above
  try {
    return await opener.open(path ?? "", storage);
  } catch (error) {
    if (kind !== "fashion-mnist" || !hasErrno(error, "ENOENT")) throw error;
    throw new ArgumentError(`fashion-mnist is not in ${JSON.stringify(path)}`, {
      op: "openDataset",
      where: path,
      hint: `lowbit data fetch fashion-mnist --out ${path}, or fashion-mnist:FOLDER with the folder of its four files`,
      cause: error,
    });
  }
}
