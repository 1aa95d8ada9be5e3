import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openDataset } from "../src/index.js";

describe("fashion-mnist-mini", () => {
  it("has 1,000 and 200 images of each of 10 classes", async () => {
    const dataset = await openDataset("fashion-mnist-mini");
    expect(dataset.imageShape).toEqual([1, 28, 28]);
    expect(dataset.classes).toHaveLength(10);
    for (const [split, perClass] of [
      [dataset.train, 1000],
      [dataset.test, 200],
    ] as const) {
      const counts = new Array(10).fill(0);
      for (const label of split.labels) counts[label]++;
      expect(counts).toEqual(new Array(10).fill(perClass));
    }
    expect(dataset.fingerprint).toBe("a55290f0e815edc2f0332f8bc7ea05f7800fa9c3be934869e4ffa6db3ad55280"); // the data, not the file format
  });

  it("looks like the whole set: mean and deviation within a hundredth", async () => {
    const { train, normalisation } = await openDataset("fashion-mnist-mini");
    const mean = train.images.reduce((sum, pixel) => sum + pixel, 0) / train.images.length / 255;
    const variance = train.images.reduce((sum, pixel) => sum + (pixel / 255 - mean) ** 2, 0) / train.images.length;
    expect(mean).toBeCloseTo(normalisation.mean[0], 2);
    expect(Math.sqrt(variance)).toBeCloseTo(normalisation.std[0], 2);
  });

  it("takes at most 6 MB in the package", () => {
    const names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
    const sizes = names.map(
      (name) => statSync(fileURLToPath(new URL(`../assets/fashion-mnist-mini/${name}-ubyte.gz`, import.meta.url))).size,
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(6e6);
  });
});
