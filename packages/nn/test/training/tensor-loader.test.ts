import type { HostTensor } from "@lowbit/core-tensor";
import fc from "fast-check";
import { expect, it } from "vitest";
import { tensorLoader } from "../../src/index.js";

const tensors = (count: number): { images: HostTensor; labels: HostTensor } => ({
  images: { dtype: "f32", shape: [count, 1, 1, 2], data: Float32Array.from({ length: count * 2 }, (_, i) => i) },
  labels: { dtype: "i32", shape: [count], data: Int32Array.from({ length: count }, (_, i) => i) },
});

it("gives every image once an epoch, and goes on from any place that it told", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 }), async (count, batch) => {
      const loader = tensorLoader({ ...tensors(count), batch });
      const all: number[] = [];
      const places = [loader.position()];
      for await (const { images, labels } of loader) {
        expect([...images.data]).toEqual([...labels.data].flatMap((n) => [2 * n, 2 * n + 1]));
        all.push(...labels.data);
        places.push(loader.position());
      }
      expect(all).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(places).toHaveLength(loader.batchesPerEpoch + 1);
      expect(loader.position()).toEqual({ epoch: 1, cursor: 0 });
      for (const [n, place] of places.entries()) {
        loader.seek(place);
        const rest: number[] = [];
        for await (const { labels } of loader) rest.push(...labels.data);
        expect(rest).toEqual(all.slice(n * batch));
      }
    }),
    { seed: 4, numRuns: 50 },
  );
});

it.each([
  [{ ...tensors(3), batch: 0 }, /a batch of 0/],
  [{ images: tensors(3).images, labels: tensors(2).labels, batch: 1 }, /labels \[2\]/],
])("refuses what does not fit", (options, message) => {
  expect(() => tensorLoader(options)).toThrow(message);
});
