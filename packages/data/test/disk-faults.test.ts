import { createMemoryDisk, type Fault, onReserve, openStorage } from "@lowbit/core-tensor/storage";
import { describe, expect, it } from "vitest";
import { openDataset } from "../src/index.js";
import { pngFile } from "./png-file.js";

const idx = (shape: number[], data: number[]) =>
  Uint8Array.from([0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...data]);
const picture = (value: number) =>
  pngFile({ width: 1, height: 1, depth: 8, colourType: 0, lines: Uint8Array.from([0, value]) });
const record = new Uint8Array(3073);

const folders: Record<string, Map<string, Uint8Array>> = {
  mnist: new Map([
    ["d/train-images-idx3-ubyte", idx([1, 1, 1], [1])],
    ["d/train-labels-idx1-ubyte", idx([1], [1])],
    ["d/t10k-images-idx3-ubyte", idx([1, 1, 1], [1])],
    ["d/t10k-labels-idx1-ubyte", idx([1], [1])],
  ]),
  cifar10: new Map([
    ...[1, 2, 3, 4, 5].map((i): [string, Uint8Array] => [`d/data_batch_${i}.bin`, record]),
    ["d/test_batch.bin", record],
  ]),
  folder: new Map(["a/1", "a/2", "b/1", "b/2"].map((path, i): [string, Uint8Array] => [`d/${path}.png`, picture(i)])),
};

describe.each(Object.keys(folders))("opening %s", (kind) => {
  it.each<Fault>(["EIO", "EACCES", "EMFILE", "short"])(
    "meets %s at any storage call with a typed error or the same data",
    async (fault) => {
      const disk = createMemoryDisk(folders[kind]);
      const whole = await openDataset(`${kind}:d`, { storage: openStorage({ disk }) });
      for (let n = 1, met = true; met; n++) {
        met = false;
        const storage = openStorage({
          disk,
          faults: ({ index }) => {
            if (index !== n) return undefined;
            met = true;
            return fault;
          },
        });
        const result = await openDataset(`${kind}:d`, { storage }).catch((error) => error);
        if (result instanceof Error) {
          expect(fault).not.toBe("short");
          expect(result).toMatchObject({ code: "LOWBIT_STORAGE", message: expect.stringContaining("d") });
        } else expect(result.fingerprint).toBe(whole.fingerprint);
      }
    },
  );

  it("reserves no more than four times its bytes and 16 MiB", async () => {
    let reserved = 0;
    const stop = onReserve((bytes) => {
      reserved += bytes;
    });
    await openDataset(`${kind}:d`, { storage: openStorage({ disk: createMemoryDisk(folders[kind]) }) }).finally(stop);
    const size = [...folders[kind].values()].reduce((sum, bytes) => sum + bytes.length, 0);
    expect(reserved).toBeGreaterThan(0);
    expect(reserved).toBeLessThanOrEqual(4 * size + 16 * 2 ** 20);
  });
});
