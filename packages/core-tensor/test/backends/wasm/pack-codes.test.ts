import { afterAll, describe, expect, it } from "vitest";
import { codeFormat, createEngine, packCodes, unpackCodes } from "../../../src/index.js";
import { randomNumbers } from "../../oracles/random-values.js";

const engine = await createEngine({ backend: "wasm", threads: 2 });
afterAll(() => engine.close());

const formats = [
  codeFormat("binary", 0, 1),
  codeFormat("bipolar", -1, 1),
  codeFormat("ternary", -1, 1),
  ...[3, 4, 5, 6, 7, 8].map((bits) => codeFormat("int", -(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1)),
  codeFormat("uint", 0, 255),
  codeFormat("uint", 0, 3),
];

/** Bit i of the packed tensor, worked out from the definition: bit b of field f is bit f · bits + b. */
function packedBit(fields: number[], bits: number, i: number): number {
  return (fields[Math.floor(i / bits)] >> (i % bits)) & 1;
}

describe("packing codes on wasm", () => {
  it.each(
    formats.flatMap((format) => [0, 1, 15, 16, 17, 33, 8191, 8192, 8193, 20011].map((count) => ({ format, count }))),
  )("$format.kind, $format.bits bits, $count values", async ({ format, count }) => {
    const random = randomNumbers(count + format.bits);
    const fields = Array.from({ length: count }, () => Math.floor(random() * format.levels));
    const codes = Float32Array.from(fields, (field) => format.offset + format.step * field);
    const round = engine.compile(({ x }) => {
      const packed = packCodes(x, { format });
      return { packed, back: unpackCodes(packed, { format }) };
    });
    const { packed, back } = await round({ x: { dtype: "f32", shape: [count], data: codes } });
    expect(round.explain().programs[0].computedByReference).toEqual([]);
    expect(back.data).toEqual(codes);
    expect(packed.data.length).toBe(Math.ceil((count * format.bits) / 32) * 4);
    const wrong = Array.from({ length: packed.data.length * 8 }, (_, i) => i).filter((i) => {
      const expected = i < count * format.bits ? packedBit(fields, format.bits, i) : 0;
      return ((packed.data[i >> 3] >> (i & 7)) & 1) !== expected;
    });
    expect(wrong).toEqual([]);
  });
});
