import { createMemoryDisk, openStorage } from "@lowbit/core-tensor/storage";
import { describe, expect, it } from "vitest";
import { openDataset, readCifarRecords } from "../src/index.js";

const record = (labels: number[], fill: number) => [...labels, ...new Array(3072).fill(fill)];
const open = (kind: string, files: Record<string, number[]>) =>
  openDataset(`${kind}:c`, {
    storage: openStorage({
      disk: createMemoryDisk(
        new Map(Object.entries(files).map(([name, bytes]) => [`c/${name}`, Uint8Array.from(bytes)])),
      ),
    }),
  });

const batches = Object.fromEntries(
  [1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, [...record([i], i), ...record([9], 100 + i)]]),
);

describe("CIFAR", () => {
  it.each(["", "cifar-10-batches-bin/"])("reads CIFAR-10 from %jdata_batch_1.bin …", async (below) => {
    const files = Object.fromEntries(
      Object.entries({ ...batches, "test_batch.bin": record([0], 7) }).map(([name, bytes]) => [below + name, bytes]),
    );
    const dataset = await open("cifar10", files);
    expect(dataset.imageShape).toEqual([3, 32, 32]);
    expect([...dataset.train.labels]).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    expect(dataset.train.images[3 * 3072]).toBe(102);
    expect(dataset.classes[dataset.test.labels[0]]).toBe("airplane");
  });

  it("reads CIFAR-100's fine labels", async () => {
    const dataset = await open("cifar100", { "train.bin": record([4, 99], 1), "test.bin": record([1, 0], 2) });
    expect(dataset.classes).toHaveLength(100);
    expect(dataset.classes[dataset.train.labels[0]]).toBe("worm");
    expect(dataset.classes[dataset.test.labels[0]]).toBe("apple");
  });

  it.each<[string, number[], RegExp]>([
    ["an empty file", [], /0 bytes, not a whole number of records/],
    ["half a record", record([1], 1).slice(0, 2000), /2000 bytes, not a whole number of records of 3073/],
    ["a label of no class", record([10], 1), /record 0 of c\/test_batch.bin has label 10, there are 10 classes/],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(open("cifar10", { ...batches, "test_batch.bin": bytes })).rejects.toThrow(
      expect.objectContaining({ code: "LOWBIT_FILE_FORMAT", message: expect.stringMatching(message) }),
    );
  });

  it("refuses more records than any CIFAR has", () => {
    expect(() => readCifarRecords(new Uint8Array(100_001 * 3073), { file: "a", labelBytes: 1, classes: 10 })).toThrow(
      /100001 records/,
    );
  });

  it("says which batch is missing", async () => {
    const { "data_batch_3.bin": _, ...others } = batches;
    await expect(open("cifar10", { ...others, "test_batch.bin": record([0], 7) })).rejects.toThrow(
      /data_batch_3.bin": there is no such file/,
    );
  });
});
