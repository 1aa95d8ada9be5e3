import { existsSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { LowbitError } from "@lowbit/core-tensor";
import { createMemoryDisk, openStorage } from "@lowbit/core-tensor/storage";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gunzip } from "../src/gunzip.js";
import { idxFolderSource, readIdxDataset } from "../src/idx-folder.js";
import { openDataset, readIdx } from "../src/index.js";

/** An IDX file written by the book: http://yann.lecun.com/exdb/mnist, "the IDX file format". */
function idxFile(shape: readonly number[], data: ArrayLike<number>, type = 0x08): Uint8Array {
  const header = [
    0,
    0,
    type,
    shape.length,
    ...shape.flatMap((size) => [(size >>> 24) & 255, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]),
  ];
  return Uint8Array.from([...header, ...Array.from(data)]);
}

const read = (bytes: Uint8Array, rank = 3) => readIdx(bytes, { file: "a-file", rank });

describe("readIdx", () => {
  it("reads any shape, plain or gzipped", async () => {
    const array = fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }).chain((shape) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return fc.tuple(fc.constant(shape), fc.uint8Array({ minLength: length, maxLength: length }), fc.boolean());
    });
    await fc.assert(
      fc.asyncProperty(array, async ([shape, data, gzipped]) => {
        const plain = idxFile(shape, data);
        const found = await read(gzipped ? gzipSync(plain) : plain, shape.length);
        expect(found.shape).toEqual(shape);
        expect([...found.data]).toEqual([...data]);
      }),
      { seed: 51, numRuns: 200 },
    );
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(0), /no IDX file/],
    ["text", new TextEncoder().encode("<html>"), /no IDX file/],
    ["floats", idxFile([1, 1, 1], [0, 0, 0, 0], 0x0d), /holds float32; lowbit reads unsigned bytes/],
    ["an unknown type", idxFile([1, 1, 1], [0], 0x07), /the unknown type 7/],
    ["labels for images", idxFile([1], [0]), /has 1 axes, 3 were wanted/],
    ["half a header", idxFile([1, 1, 1], []).slice(0, 9), /ends within its header/],
    ["a byte too few", idxFile([1, 2, 2], [1, 2, 3]), /says it holds 1 x 2 x 2 = 4 bytes, and has 3/],
    ["a byte too many", idxFile([1, 2, 2], [1, 2, 3, 4, 5]), /and has 5/],
    ["sizes beyond 2^53", idxFile([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []), /and has 0/],
    ["gzip cut short", gzipSync(idxFile([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])).subarray(0, -9), /do not inflate/],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(
      expect.objectContaining({ code: "LOWBIT_FILE_FORMAT", message: expect.stringMatching(message) }),
    );
  });

  it("answers every mutated file with an array or a typed error", async () => {
    const plain = idxFile([3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const packed = new Uint8Array(gzipSync(plain));
    const mutation = fc.record({
      kind: fc.constantFrom("flip", "cut", "double", "insert"),
      at: fc.nat(),
      value: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(mutation, { minLength: 1, maxLength: 3 }), async (gzipped, mutations) => {
        let bytes: Uint8Array = (gzipped ? packed : plain).slice();
        for (const { kind, at, value } of mutations) {
          const i = bytes.length === 0 ? 0 : at % bytes.length;
          if (kind === "flip") bytes[i] ^= 1 << (value & 7);
          if (kind === "cut") bytes = bytes.slice(0, i);
          if (kind === "double") bytes = Uint8Array.from([...bytes, ...bytes.subarray(i)]);
          if (kind === "insert") bytes = Uint8Array.from([...bytes.subarray(0, i), value, ...bytes.subarray(i)]);
        }
        try {
          const { shape, data } = await read(bytes);
          expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
        } catch (error) {
          if (!(error instanceof LowbitError)) throw error;
        }
      }),
      { seed: 52, numRuns: 2000 },
    );
  });
});

describe("gunzip", () => {
  it("agrees with zlib", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (content) => {
        expect(await gunzip(gzipSync(content), { file: "a" })).toEqual(content);
      }),
      { seed: 53, numRuns: 50 },
    );
  });

  it("stops a bomb at the limit", async () => {
    const bomb = gzipSync(new Uint8Array(64 * 2 ** 20)); // 64 kB
    expect(bomb.length).toBeLessThan(70_000);
    await expect(gunzip(bomb, { file: "bomb.gz" })).rejects.toThrow(
      expect.objectContaining({
        code: "LOWBIT_MEMORY",
        message: expect.stringMatching(/bomb.gz inflates to more than/),
      }),
    );
    await expect(gunzip(bomb, { file: "bomb.gz", limit: 2 ** 26 })).resolves.toHaveLength(2 ** 26);
  });
});

describe("a folder of IDX files", () => {
  const files = {
    "train-images-idx3-ubyte": idxFile([2, 1, 2], [1, 2, 3, 4]),
    "train-labels-idx1-ubyte.gz": new Uint8Array(gzipSync(idxFile([2], [0, 1]))),
    "t10k-images-idx3-ubyte.gz": new Uint8Array(gzipSync(idxFile([1, 1, 2], [5, 6]))),
    "t10k-labels-idx1-ubyte": idxFile([1], [1]),
  };
  const open = (changes: Record<string, Uint8Array | undefined> = {}) => {
    const all = Object.entries({ ...files, ...changes }).filter(
      (entry): entry is [string, Uint8Array] => entry[1] !== undefined,
    );
    const storage = openStorage({ disk: createMemoryDisk(new Map(all.map(([name, bytes]) => [`d/${name}`, bytes]))) });
    return readIdxDataset(idxFolderSource(storage, "d"), {
      name: "test",
      classes: ["a", "b"],
      normalisation: { mean: [0], std: [1] },
    });
  };

  it("is a data set, with a fingerprint of what it holds", async () => {
    const dataset = await open();
    expect(dataset.imageShape).toEqual([1, 1, 2]);
    expect([...dataset.train.images]).toEqual([1, 2, 3, 4]);
    expect([...dataset.test.labels]).toEqual([1]);
    const repacked = await open({
      "train-images-idx3-ubyte": undefined,
      "train-images-idx3-ubyte.gz": new Uint8Array(gzipSync(files["train-images-idx3-ubyte"])),
    });
    expect(repacked.fingerprint).toBe(dataset.fingerprint);
    const changed = await open({ "train-images-idx3-ubyte": idxFile([2, 1, 2], [1, 2, 3, 5]) });
    expect(changed.fingerprint).not.toBe(dataset.fingerprint);
  });

  it.each<[string, Record<string, Uint8Array | undefined>, RegExp]>([
    [
      "a file that is missing",
      { "t10k-labels-idx1-ubyte": undefined },
      /can't read "d\/t10k-labels-idx1-ubyte": there is no such file/,
    ],
    ["labels for fewer images", { "t10k-labels-idx1-ubyte": idxFile([2], [0, 1]) }, /has 2 labels for 1 images/],
    [
      "a label beyond the classes",
      { "t10k-labels-idx1-ubyte": idxFile([1], [2]) },
      /label 2 of image 0 is none of the 2 classes/,
    ],
    [
      "no images",
      { "t10k-images-idx3-ubyte.gz": idxFile([0, 1, 2], []), "t10k-labels-idx1-ubyte": idxFile([0], []) },
      /there are no images/,
    ],
    [
      "images of another size",
      { "t10k-images-idx3-ubyte.gz": idxFile([1, 2, 2], [1, 2, 3, 4]) },
      /to train from are \[1, 1, 2\], those to test \[1, 2, 2\]/,
    ],
    ["images of no size", { "t10k-images-idx3-ubyte.gz": idxFile([1, 0, 2], []) }, /there are no images/],
  ])("refuses %s", async (_, changes, message) => {
    await expect(open(changes)).rejects.toThrow(message);
  });

  const whole = "/usr/share/datasets/fashion-mnist"; // Debian: dataset-fashion-mnist
  it.skipIf(!existsSync(whole))("reads the whole of Fashion-MNIST where it is installed", async () => {
    const dataset = await openDataset(`fashion-mnist:${whole}`);
    expect([dataset.train.count, dataset.test.count]).toEqual([60_000, 10_000]);
  });
});
