import { ArgumentError } from "@lowbit/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Batch, createLoader, type Loader, type LoaderOptions, type Split } from "../src/index.js";

/** Images whose every pixel tells where it is: value = (37 n + 11 c + 5 y + x) mod 256. */
function countingSplit(count: number, [C, H, W]: [number, number, number]): Split {
  const images = new Uint8Array(count * C * H * W);
  let i = 0;
  for (let n = 0; n < count; n++)
    for (let c = 0; c < C; c++)
      for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) images[i++] = (37 * n + 11 * c + 5 * y + x) % 256;
  return { count, imageShape: [C, H, W], images, labels: Int32Array.from({ length: count }, (_, n) => n) };
}

async function epoch(loader: Loader): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

const labelsOf = (batches: readonly Batch[]): number[] => batches.flatMap(({ labels }) => [...labels.data]);

describe("createLoader", () => {
  it("gives every image once an epoch, in the order of the split unless shuffled", async () => {
    const split = countingSplit(10, [1, 2, 3]);
    const loader = createLoader(split, { batch: 4 });
    const batches = await epoch(loader);
    expect(batches.map(({ images }) => images.shape)).toEqual([
      [4, 1, 2, 3],
      [4, 1, 2, 3],
      [2, 1, 2, 3],
    ]);
    expect(labelsOf(batches)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.flatMap(({ images }) => [...images.data])).toEqual(
      [...split.images].map((pixel) => Math.fround(pixel / 255)),
    );
    expect(loader.batchesPerEpoch).toBe(3);
    expect(loader.position()).toEqual({ epoch: 1, cursor: 0 });
  });

  it("shuffles each epoch anew, by seed", async () => {
    const split = countingSplit(50, [1, 1, 1]);
    const loader = createLoader(split, { batch: 7, shuffle: true, seed: 3 });
    const [first, second] = [labelsOf(await epoch(loader)), labelsOf(await epoch(loader))];
    expect(first.toSorted((a, b) => a - b)).toEqual([...split.labels]);
    expect(second.toSorted((a, b) => a - b)).toEqual([...split.labels]);
    expect(second).not.toEqual(first);
    expect(labelsOf(await epoch(createLoader(split, { batch: 7, shuffle: true, seed: 4 })))).not.toEqual(first);
    expect(labelsOf(await epoch(createLoader(split, { batch: 50, shuffle: true, seed: 3 })))).toEqual(first);
  });

  it("leaves out the last batch when told", async () => {
    const loader = createLoader(countingSplit(10, [1, 1, 1]), { batch: 4, dropLast: true });
    expect(labelsOf(await epoch(loader))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([loader.batchesPerEpoch, loader.imagesPerEpoch]).toEqual([2, 8]);
  });

  it("goes on from a position with the same batches, augmentation included, prefetched or not", async () => {
    const split = countingSplit(23, [3, 6, 5]);
    const options: LoaderOptions = {
      batch: 5,
      shuffle: true,
      seed: 9,
      augment: { crop: 2, flip: true },
      mean: [0.1, 0.2, 0.3],
      std: [1, 2, 3],
    };
    const whole = createLoader(split, options);
    const all = [...(await epoch(whole)), ...(await epoch(whole))];
    await fc.assert(
      fc.asyncProperty(fc.nat(9), fc.constantFrom(0, 2), async (batches, prefetch) => {
        const first = createLoader(split, { ...options, prefetch });
        const seen: Batch[] = [];
        while (seen.length < batches) {
          for await (const batch of first) {
            seen.push(batch);
            if (seen.length === batches) break;
          }
        }
        const second = createLoader(split, options);
        second.seek(JSON.parse(JSON.stringify(first.position())));
        seen.push(...(await epoch(second)));
        if (seen.length <= 5) seen.push(...(await epoch(second)));
        expect(seen).toEqual(all.slice(0, seen.length));
        expect(seen.length).toBeGreaterThanOrEqual(5);
        await first.close();
      }),
      { seed: 41, numRuns: 20 },
    );
  });

  it("crops from a black border and flips: every image is one of the shifts", async () => {
    const split = countingSplit(40, [2, 4, 3]);
    const [C, H, W] = split.imageShape;
    const batches = await epoch(
      createLoader(split, { batch: 8, seed: 1, shuffle: true, augment: { crop: 2, flip: true } }),
    );
    const seen = new Set<string>();
    for (const { images, labels } of batches) {
      labels.data.forEach((label, n) => {
        const got = [...images.data.subarray(n * C * H * W, (n + 1) * C * H * W)].map((value) =>
          Math.round(value * 255),
        );
        const matches: string[] = [];
        for (let dy = -2; dy <= 2; dy++)
          for (let dx = -2; dx <= 2; dx++)
            for (const flip of [false, true]) {
              const want: number[] = [];
              for (let c = 0; c < C; c++)
                for (let y = 0; y < H; y++)
                  for (let x = 0; x < W; x++) {
                    const [sy, sx] = [y + dy, (flip ? W - 1 - x : x) + dx];
                    want.push(sy < 0 || sy >= H || sx < 0 || sx >= W ? 0 : (37 * label + 11 * c + 5 * sy + sx) % 256);
                  }
              if (want.join() === got.join()) matches.push(`${dy},${dx},${flip}`);
            }
        expect(matches.length).toBeGreaterThan(0);
        seen.add(matches[0]);
      });
    }
    expect(seen.size).toBeGreaterThan(15);
  });

  it("crops to each place and flips each way about equally often", async () => {
    const count = 5000;
    const images = new Uint8Array(count * 9);
    for (let n = 0; n < count; n++) images.set([1, 2, 3, 4, 5, 6, 7, 8, 9], n * 9);
    const split: Split = { count, imageShape: [1, 3, 3], images, labels: new Int32Array(count) };
    const [batch] = await epoch(createLoader(split, { batch: count, seed: 5, augment: { crop: 1, flip: true } }));
    const counts = new Map<string, number>();
    for (let n = 0; n < count; n++) {
      const key = batch.images.data.subarray(n * 9, n * 9 + 9).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(18);
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - count / 18) ** 2 / (count / 18), 0);
    expect(chiSquare).toBeLessThan(40.8); // 17 degrees of freedom, p = 0.001; the seed is fixed
  });

  it("normalises per channel", async () => {
    const split: Split = {
      count: 1,
      imageShape: [2, 1, 1],
      images: new Uint8Array([51, 255]),
      labels: new Int32Array(1),
    };
    const [batch] = await epoch(createLoader(split, { batch: 1, mean: [0.1, 0.5], std: [0.1, 0.25] }));
    expect(batch.images.data[0]).toBeCloseTo(1, 6);
    expect(batch.images.data[1]).toBeCloseTo(2, 6);
  });

  it("is at the end of an epoch until its loop ends", async () => {
    const loader = createLoader(countingSplit(4, [1, 1, 1]), { batch: 2 });
    for await (const batch of loader)
      if (batch.labels.data[0] === 2) expect(loader.position()).toEqual({ epoch: 0, cursor: 4 });
    expect(loader.position()).toEqual({ epoch: 1, cursor: 0 });
    loader.seek({ epoch: 0, cursor: 4 });
    expect(await epoch(loader)).toEqual([]);
    expect(loader.position()).toEqual({ epoch: 1, cursor: 0 });
  });

  it.each([
    { epoch: 0, cursor: 1 },
    { epoch: -1, cursor: 0 },
    { epoch: 0, cursor: 6 },
    { epoch: 0.5, cursor: 0 },
    { epoch: 0, cursor: Number.NaN },
  ])("refuses to seek to %j", (place) => {
    expect(() => createLoader(countingSplit(5, [1, 1, 1]), { batch: 2 }).seek(place)).toThrow(ArgumentError);
  });

  it.each<[Partial<LoaderOptions>, RegExp]>([
    [{ batch: 0 }, /can't have a batch of 0/],
    [{ batch: 1.5 }, /can't have a batch of 1.5/],
    [{ seed: -1 }, /can't have the seed -1/],
    [{ batch: 9, dropLast: true }, /a batch of 9 with dropLast/],
    [{ augment: { crop: 3 } }, /a crop of 3/],
    [{ augment: { crop: -1 } }, /a crop of -1/],
    [{ mean: [1, 2] }, /the mean \[1, 2\]/],
    [{ std: [0] }, /the std \[0\]/],
    [{ std: [Number.NaN] }, /the std \[NaN\]/],
    [{ prefetch: -1 }, /a prefetch of -1/],
  ])("refuses %j", (options, message) => {
    expect(() => createLoader(countingSplit(5, [1, 3, 3]), { batch: 2, ...options })).toThrow(message);
  });
});
