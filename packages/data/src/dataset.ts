import { FileFormatError } from "@lowbit/core-tensor";
import { sha256 } from "@lowbit/core-tensor/storage";

/** Channels, height and width of each image. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/** Images and their classes, in the order of the files they came from. */
export interface Split {
  readonly count: number;
  readonly imageShape: ImageShape;
  /** [count, C, H, W], 0 … 255 */
  readonly images: Uint8Array;
  /** [count], each an index into `classes` */
  readonly labels: Int32Array;
}

/** What takes pixels / 255 to about zero mean and unit deviation, per channel. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface Dataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly imageShape: ImageShape;
  readonly train: Split;
  readonly test: Split;
  readonly normalisation: Normalisation;
  /** SHA-256 over classes, shape, images and labels of both splits: equal exactly when the data are, whatever the files are called. */
  readonly fingerprint: string;
}

/** A data set of checked parts, with its fingerprint. */
export async function createDataset(parts: Omit<Dataset, "fingerprint" | "imageShape">): Promise<Dataset> {
  const { name, classes, train, test, normalisation } = parts;
  checkSplit(train, classes, `${name}, training set`);
  checkSplit(test, classes, `${name}, test set`);
  if (train.imageShape.join() !== test.imageShape.join())
    throw new FileFormatError(
      `the images to train from are [${train.imageShape.join(", ")}], those to test [${test.imageShape.join(", ")}]`,
      { where: name },
    );
  const fingerprint = await fingerprintOf(classes, [train, test]);
  return { name, classes, imageShape: train.imageShape, train, test, normalisation, fingerprint };
}

async function fingerprintOf(classes: readonly string[], splits: readonly Split[]): Promise<string> {
  const parts: unknown[] = [classes];
  for (const { count, imageShape, images, labels } of splits) {
    const narrow = new DataView(new ArrayBuffer(labels.length * 4)); // little-endian on every machine
    for (const [i, label] of labels.entries()) narrow.setInt32(i * 4, label, true);
    parts.push([count, imageShape, await sha256(images), await sha256(new Uint8Array(narrow.buffer))]);
  }
  return sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

function checkSplit({ count, imageShape, images, labels }: Split, classes: readonly string[], where: string): void {
  const expected = count * imageShape.reduce((product, size) => product * size, 1);
  if (count === 0 || images.length === 0) throw new FileFormatError("there are no images", { where });
  if (images.length !== expected || labels.length !== count)
    throw new FileFormatError(
      `${images.length} bytes of images and ${labels.length} labels do not make ${count} images`,
      { where },
    );
  const bad = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (bad >= 0)
    throw new FileFormatError(`label ${labels[bad]} of image ${bad} is none of the ${classes.length} classes`, {
      where,
    });
}

/** Mean and standard deviation of each channel over all pixels of a split, as fractions of 255. */
export function measureNormalisation({ count, imageShape: [C, H, W], images }: Split): Normalisation {
  const sums = new Float64Array(C); // of whole numbers: exact
  const squares = new Float64Array(C);
  const plane = H * W;
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < C; c++) {
      const start = (n * C + c) * plane;
      for (let i = start; i < start + plane; i++) {
        sums[c] += images[i];
        squares[c] += images[i] * images[i];
      }
    }
  }
  const pixels = count * plane;
  const mean = [...sums].map((sum) => sum / pixels / 255);
  const std = mean.map((m, c) => Math.sqrt(Math.max(squares[c] / pixels / 255 ** 2 - m * m, 0)));
  return { mean, std: std.map((s) => (s > 0 ? s : 1)) }; // one flat colour: leave its scale alone
}
