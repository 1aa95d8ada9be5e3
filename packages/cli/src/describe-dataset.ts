import { openNamedDataset } from "./open-named-dataset.js";
import { formatBytes } from "./table.js";

export interface DatasetDescription {
  readonly name: string;
  readonly classes: readonly string[];
  /** [C, H, W] */
  readonly imageShape: readonly number[];
  readonly trainImages: number;
  readonly testImages: number;
  /** Images of each class, in the order of `classes`. */
  readonly trainImagesByClass: readonly number[];
  readonly testImagesByClass: readonly number[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly fingerprint: string;
  readonly bytes: number;
}

export async function describeDataset(name: string): Promise<DatasetDescription> {
  const { classes, imageShape, train, test, normalisation, fingerprint } = await openNamedDataset(name, "data info");
  const countByClass = (labels: Int32Array): number[] => {
    const counts = new Array<number>(classes.length).fill(0);
    for (const label of labels) counts[label]++;
    return counts;
  };
  return {
    name,
    classes,
    imageShape,
    trainImages: train.count,
    testImages: test.count,
    trainImagesByClass: countByClass(train.labels),
    testImagesByClass: countByClass(test.labels),
    ...normalisation,
    fingerprint,
    bytes: train.images.length + test.images.length,
  };
}

export function formatDataset(about: DatasetDescription): string {
  const [C, H, W] = about.imageShape;
  const numbers = (values: readonly number[]): string => values.map((value) => value.toFixed(4)).join(", ");
  return [
    `${about.name}: ${about.trainImages} images to train from, ${about.testImages} to test, ${C} x ${H} x ${W}, ${formatBytes(about.bytes)}`,
    `mean         ${numbers(about.mean)}`,
    `deviation    ${numbers(about.std)}`,
    `fingerprint  ${about.fingerprint}`,
    ...about.classes.map(
      (name, i) =>
        `${String(i).padStart(3)}  ${name}  (${about.trainImagesByClass[i]} + ${about.testImagesByClass[i]})`,
    ),
  ].join("\n");
}
