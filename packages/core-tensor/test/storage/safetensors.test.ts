import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LowbitError } from "../../src/graph/errors.js";
import {
  readSafetensors,
  type SafeTensor,
  type SafeTensorDtype,
  typedData,
  writeSafetensors,
} from "../../src/storage/index.js";

const read = (bytes: Uint8Array) => readSafetensors(bytes, { file: "a.safetensors" });

/** A file by hand: any header text, any data. */
function file(header: string | object, dataBytes = 0, headerBytes?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const SIZES: Record<string, number> = { BOOL: 1, U8: 1, I8: 1, I32: 4, F32: 4, F64: 8, I64: 8 };
const tensor = fc
  .record({ dtype: fc.constantFrom(...Object.keys(SIZES)), shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const bytes = shape.reduce((n, size) => n * size, SIZES[dtype]);
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data): SafeTensor => ({ dtype: dtype as SafeTensorDtype, shape, data }));
  });
const name = fc
  .oneof(fc.string({ minLength: 1 }), fc.constantFrom("__proto__", "constructor", "0", "1", "é"))
  .filter((n) => n !== "__metadata__");
const tensors = fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((entries) => new Map(entries));
const metadata = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 4 }).map((entries) => new Map(entries));

/** A second reader, as short as the format allows, which trusts everything. */
function trustingRead(bytes: Uint8Array): Map<string, { dtype: string; shape: number[]; data: number[] }> {
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  const result = new Map();
  for (const key of Object.keys(header)) {
    if (key === "__metadata__") continue;
    const { dtype, shape, data_offsets } = (Object.getOwnPropertyDescriptor(header, key) as PropertyDescriptor).value;
    result.set(key, {
      dtype,
      shape,
      data: [...bytes.slice(8 + headerBytes + data_offsets[0], 8 + headerBytes + data_offsets[1])],
    });
  }
  return result;
}

describe("safetensors", () => {
  it("round-trips names, shapes, bytes and metadata, in any order to the same file", () => {
    fc.assert(
      fc.property(tensors, metadata, (original, texts) => {
        const bytes = writeSafetensors(original, texts);
        const back = read(bytes);
        expect(new Map([...back.tensors].map(([key, t]) => [key, { ...t, data: t.data.slice() }]))).toEqual(original);
        expect(back.metadata).toEqual(texts);
        expect(writeSafetensors(new Map([...original].reverse()), new Map([...texts].reverse()))).toEqual(bytes);
        for (const { dtype, data } of back.tensors.values())
          expect((data.byteOffset - bytes.byteOffset) % SIZES[dtype]).toBe(0);
        const trusted = trustingRead(bytes);
        expect(trusted.size).toBe(original.size);
        for (const [key, { dtype, shape, data }] of original)
          expect(trusted.get(key)).toEqual({ dtype, shape, data: [...data] });
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  it("gives typed arrays, aligned or not", () => {
    const bytes = file(
      { a: { dtype: "U8", shape: [1], data_offsets: [0, 1] }, b: { dtype: "F32", shape: [2], data_offsets: [1, 9] } },
      9,
    );
    new DataView(bytes.buffer).setFloat32(bytes.length - 8, 1.5, true);
    const { tensors: found } = read(bytes);
    expect([...typedData(found.get("b") as SafeTensor, "F32")]).toEqual([1.5, 0]);
    expect(() => typedData(found.get("b") as SafeTensor, "I32")).toThrow(/dtype F32 where I32 was wanted/);
  });

  const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
    dtype: "F32",
    shape,
    data_offsets: [begin, end],
  });
  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(0), /0 bytes are too few/],
    ["seven bytes", new Uint8Array(7), /7 bytes are too few/],
    ["a header longer than the file", file("{}", 0, 3), /the header says it has 3 bytes, the file has 10/],
    ["a header of 2^63 bytes", file("{}", 0, 2 ** 63), /the header says it has 9223372036854776000 bytes/],
    ["a header of no bytes", file(""), /does not begin with "\{"/],
    ["an array as header", file("[]"), /does not begin with "\{"/],
    ["a header that begins with a space", file(" {}"), /does not begin with "\{"/],
    ["a header that is no JSON", file("{'a': 1}"), /a name in double quotes was expected/],
    [
      "a header that is not UTF-8",
      (() => {
        const b = file('{"a":1}');
        b[10] = 0xff;
        return b;
      })(),
      /not UTF-8/,
    ],
    [
      "a name twice",
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      /the name "a" comes twice/,
    ],
    [
      "a field twice",
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"I8"}}', 1),
      /the name "dtype" comes twice/,
    ],
    ["a tensor that is a number", file({ a: 1 }), /tensor "a" is not described by an object/],
    [
      "an unknown dtype",
      file({ a: { dtype: "F31", shape: [], data_offsets: [0, 4] } }, 4),
      /has the dtype .*F31.*; lowbit reads/,
    ],
    [
      "a dtype from the prototype",
      file({ a: { dtype: "toString", shape: [], data_offsets: [0, 4] } }, 4),
      /has the dtype/,
    ],
    ["no dtype", file({ a: { shape: [], data_offsets: [0, 4] } }, 4), /has the dtype/],
    ["a negative size", file({ a: f32(0, 4, [-1]) }, 4), /a shape that is not a list of whole numbers/],
    ["half a size", file({ a: f32(0, 4, [0.5]) }, 4), /a shape that is not a list of whole numbers/],
    ["a size as text", file({ a: f32(0, 4, ["1"]) }, 4), /a shape that is not a list of whole numbers/],
    ["a shape that overflows", file({ a: f32(0, 4, [2 ** 31, 2 ** 31]) }, 4), /a shape of too many elements/],
    [
      "a shape that wraps around to the right size",
      file({ a: f32(0, 4, [2 ** 32, 2 ** 32, 2 ** 32]) }, 4),
      /a shape of too many elements/,
    ],
    ["100 axes", file({ a: f32(0, 4, new Array(100).fill(1)) }, 4), /has 100 axes/],
    ["one offset", file({ a: { dtype: "U8", shape: [1], data_offsets: [0] } }, 1), /not two whole numbers/],
    ["a negative offset", file({ a: f32(-4, 0, [1]) }, 4), /not two whole numbers/],
    ["offsets that run backwards", file({ a: f32(4, 0, [1]) }, 4), /run backwards/],
    ["fewer bytes than the shape", file({ a: f32(0, 4, [2]) }, 4), /has 4 bytes, F32 \[2\] has 8/],
    ["data beyond the file", file({ a: f32(0, 8) }, 4), /ends at byte 8, the file has 4 bytes of data/],
    ["overlapping tensors", file({ a: f32(0, 8), b: f32(4, 12) }, 12), /overlaps/],
    ["the same data twice", file({ a: f32(0, 8), b: f32(0, 8) }, 8), /overlaps/],
    ["a hole", file({ a: f32(0, 4), b: f32(8, 12) }, 12), /4 bytes before the data of "b" belong to no tensor/],
    ["a hole at the start", file({ a: f32(4, 8) }, 8), /4 bytes before the data of "a"/],
    ["bytes after the last tensor", file({ a: f32(0, 4) }, 5), /1 bytes after the last tensor/],
    ["metadata that is no text", file({ __metadata__: { a: 1 } }), /__metadata__ is not an object of texts/],
    ["metadata that is an array", file({ __metadata__: ["a"] }), /__metadata__ is not an object of texts/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({ code: "LOWBIT_FILE_FORMAT", message: expect.stringMatching(message) }),
    );
    expect(() => read(bytes)).toThrow(/where {2}a\.safetensors/);
  });

  it("refuses a header over 100 MB", () => {
    const bytes = new Uint8Array(100_000_010);
    new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true);
    expect(() => read(bytes)).toThrow(/over the 100000000/);
  });

  it("refuses to write what no reader could read", () => {
    const data = new Uint8Array(4);
    expect(() => writeSafetensors(new Map([["a", { dtype: "F32", shape: [2], data }]]))).toThrow(
      /"a" has 4 bytes, F32 \[2\] has 8/,
    );
    expect(() => writeSafetensors(new Map([["__metadata__", { dtype: "F32", shape: [1], data }]]))).toThrow(
      /can't be called/,
    );
  });

  it("answers every mutated file with tensors or a typed error", () => {
    const mutation = fc.record({
      kind: fc.constantFrom("flip", "cut", "set", "length", "splice"),
      at: fc.nat(),
      value: fc.nat(255),
    });
    fc.assert(
      fc.property(
        tensors,
        metadata,
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        (original, texts, mutations) => {
          let bytes: Uint8Array = writeSafetensors(original, texts);
          for (const { kind, at, value } of mutations) {
            const i = bytes.length === 0 ? 0 : at % bytes.length;
            if (kind === "flip") bytes[i] ^= 1 << (value & 7);
            if (kind === "set") bytes[i] = value;
            if (kind === "length" && bytes.length > 0) bytes[i % Math.min(8, bytes.length)] = value;
            if (kind === "cut") bytes = bytes.slice(0, i);
            if (kind === "splice")
              bytes = Uint8Array.from([...bytes.subarray(0, i), ...bytes.subarray(value % bytes.length || 0)]);
          }
          try {
            for (const { dtype, shape, data } of read(bytes).tensors.values())
              expect(data.length).toBe(
                shape.reduce((n, size) => n * size, 1) *
                  (SIZES[dtype] ??
                    data.length /
                      Math.max(
                        1,
                        shape.reduce((n, size) => n * size, 1),
                      )),
              );
          } catch (error) {
            if (!(error instanceof LowbitError)) throw error;
          }
        },
      ),
      { seed: 22, numRuns: 2000 },
    );
  });
});
