import { safetensors } from "@jax-js/loaders";
import fc from "fast-check";
import { expect } from "vitest";
import {
  readSafetensors,
  type SafeTensor,
  type SafeTensorDtype,
  typedData,
  writeSafetensors,
} from "../../src/storage/index.js";

const SIZES = { BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, F32: 4, F64: 8, I64: 8, U64: 8 } as const;

/** Bits of any typed array, so that NaN payloads and −0 count. */
const bits = (data: ArrayBufferView): number[] => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

const tensor = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(SIZES) as SafeTensorDtype[])),
    shape: fc.array(fc.nat(5), { maxLength: 4 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((product, size) => product * size, SIZES[dtype]);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((data): SafeTensor => ({ dtype, shape, data }));
  });
// "__proto__" apart: the other reader keeps names in an ordinary object and loses it
const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__" && text !== "__proto__");
const file = fc.record({
  tensors: fc.array(fc.tuple(name, tensor), { maxLength: 8 }).map((entries) => new Map(entries)),
  metadata: fc.array(fc.tuple(name, fc.string()), { maxLength: 3 }).map((entries) => new Map(entries)),
});

/** Reads generated files with our reader and with that of @jax-js/loaders, and expects the same tensors and metadata of both. */
export function compareReaders({ files, seed }: { readonly files: number; readonly seed: number }): void {
  fc.assert(
    fc.property(file, ({ tensors, metadata }) => {
      const bytes = writeSafetensors(tensors, metadata);
      const theirs = safetensors.parse(bytes);
      const ours = readSafetensors(bytes, { file: "generated" });
      expect(new Set(ours.tensors.keys())).toEqual(new Set(Object.keys(theirs.tensors)));
      for (const [key, mine] of ours.tensors) {
        const other = theirs.tensors[key];
        expect([mine.dtype, mine.shape]).toEqual([other.dtype, other.shape]);
        expect(bits(typedData(mine, mine.dtype))).toEqual(bits(other.data));
        expect(typedData(mine, mine.dtype).constructor).toBe(other.data.constructor);
      }
      expect(Object.fromEntries(ours.metadata)).toEqual(theirs.metadata ?? {});
    }),
    { seed, numRuns: files },
  );
}
