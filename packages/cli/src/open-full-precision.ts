import { ArgumentError, type HostTensor } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";
import { createLoader, type Dataset } from "@lowbit/data";
import { type Loader, tensorLoader } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import { type Network, openNetwork } from "./network-folder.js";
import { limitSplit, openNamedDataset } from "./open-named-dataset.js";
import { warn } from "./print.js";
import { EVALUATION_BATCH } from "./train-network.js";

/** A network that was trained in full precision, its data, and training images to calibrate with. */
export interface FullPrecisionNetwork {
  readonly network: Extract<Network, { kind: "trained" }>;
  readonly dataset: Dataset;
  /** Training images in batches, normalised, as `calibrate` takes them. */
  readonly images: readonly HostTensor[];
  /** The same images with their labels. */
  readonly calibration: Loader;
}

/** Images that pass at once where values of all layers are looked at. */
const CALIBRATION_BATCH = 64;

/**
 * Opens the folder of a finished run in full precision, and takes some of its training images, drawn by a seed.
 *
 * @throws {ArgumentError} when there is no such network in it, or it is not finished, or in low precision already
 */
export async function openFullPrecision(
  storage: Storage,
  folder: string,
  run: { readonly registry: Registry; readonly images: number; readonly seed: number; readonly data?: string },
): Promise<FullPrecisionNetwork> {
  const network = await openNetwork(storage, folder, run.registry);
  const refuse = (headline: string, hint?: string) =>
    new ArgumentError(`${headline}: ${folder}`, {
      where: folder,
      want: "a folder that train has written, of a network in full precision",
      hint,
    });
  if (network.kind === "packed") throw refuse("this network is packed already");
  if (network.model.quantization.layers.length > 0) throw refuse("this network is in low precision already");
  if (!network.isFinished) throw refuse("this run is not finished", "train --resume goes on with it");
  const { experiment, data } = network.notes;
  const name = run.data ?? experiment.data;
  const dataset = await openNamedDataset(name, "--data");
  if (dataset.fingerprint !== data.fingerprint) warn(`${name} is not what this network was trained on`);
  if (dataset.imageShape.join() !== network.model.inputShape.join()) {
    throw new ArgumentError(`the network in ${folder} can't read images of ${dataset.name}`, {
      where: "--data",
      want: `images [${network.model.inputShape.join(", ")}]`,
      got: `images [${dataset.imageShape.join(", ")}]`,
    });
  }
  const split = limitSplit(dataset.train, experiment.limit);
  const count = Math.min(run.images, split.count);
  const source = createLoader(split, { batch: count, seed: run.seed, shuffle: true, ...data.normalisation });
  try {
    for await (const { images, labels } of source) {
      const calibration = tensorLoader({ images, labels, batch: CALIBRATION_BATCH });
      return { network, dataset, images: batchesOf(images), calibration };
    }
    throw new ArgumentError("the data set has no training images", { where: "--data" });
  } finally {
    await source.close();
  }
}

/** The test images of a network's data, as `eval` takes them. */
export function testLoader({ network, dataset }: FullPrecisionNetwork, limit: number | undefined) {
  const { experiment, data } = network.notes;
  return createLoader(limitSplit(dataset.test, limit ?? experiment.limit), {
    batch: EVALUATION_BATCH,
    ...data.normalisation,
  });
}

function batchesOf({ shape, data }: HostTensor): HostTensor[] {
  const [N, ...image] = shape;
  const pixels = data.length / N;
  return Array.from({ length: Math.ceil(N / CALIBRATION_BATCH) }, (_, i) => {
    const from = i * CALIBRATION_BATCH;
    const count = Math.min(CALIBRATION_BATCH, N - from);
    const values = (data as Float32Array).subarray(from * pixels, (from + count) * pixels);
    return { dtype: "f32", shape: [count, ...image], data: values };
  });
}
