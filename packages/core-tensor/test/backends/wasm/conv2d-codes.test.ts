import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dtype } from "../../../src/graph/dtype.js";
import { elementsOf } from "../../../src/graph/shape.js";
import { conv2dCodes } from "../../../src/ops/codes.js";
import { type CodeFormat, codeFormat } from "../../../src/packed/code-format.js";
import { packFields } from "../../../src/packed/pack-codes.js";
import type { Backend } from "../../../src/plan/backend.js";
import { createBackends } from "./create-backends.js";
import { numbers, referenceOf, runCall, specify, values } from "./run-call.js";

let backends: Backend[] = [];
beforeAll(async () => {
  backends = [...(await createBackends([1, 2])), ...(await createBackends([1], { byteDots: true }))];
});
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

/** Fields of a format, each as likely as the others. */
const fields = (count: number, { levels }: CodeFormat, seed: number): Uint8Array =>
  Uint8Array.from(numbers(count, seed, [0, levels - 1e-3]).map(Math.floor));

const int = (bits: number) => codeFormat("int", -(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1);
const uint = (bits: number) => codeFormat("uint", 0, 2 ** bits - 1);
const bipolar = codeFormat("bipolar", -1, 1);
const binary = codeFormat("binary", 0, 1);
const ternary = codeFormat("ternary", -1, 1);

const convolutions: {
  x: number[];
  w: number[];
  attributes: { padding?: number | number[]; [name: string]: unknown };
}[] = [
  { x: [1, 1, 1, 1], w: [1, 1, 1, 1], attributes: {} },
  { x: [2, 16, 14, 14], w: [16, 16, 3, 3], attributes: { padding: 1 } },
  { x: [3, 8, 7, 7], w: [5, 8, 3, 3], attributes: { padding: 1 } },
  { x: [2, 7, 28, 28], w: [6, 7, 3, 3], attributes: { padding: 1, stride: 2 } },
  { x: [2, 5, 9, 11], w: [3, 5, 1, 1], attributes: { stride: 2 } },
  { x: [1, 4, 6, 5], w: [6, 2, 3, 2], attributes: { stride: [2, 1], padding: [1, 0], groups: 2 } },
  { x: [1, 2, 7, 6], w: [2, 1, 3, 3], attributes: { dilation: 2, padding: [2, 1, 1, 2], groups: 2 } },
  { x: [65, 33, 1, 1], w: [10, 33, 1, 1], attributes: {} },
  { x: [1, 130, 20, 20], w: [3, 130, 3, 3], attributes: { padding: 1 } },
];

/** Filters enough that sums made once for all of them pay; shares of them, and channels that no element divides. */
const manyFilters: typeof convolutions = [
  { x: [1, 13, 9, 10], w: [70, 13, 3, 3], attributes: { padding: 1 } },
  { x: [2, 7, 12, 13], w: [129, 7, 3, 2], attributes: { padding: [0, 1], stride: 2 } },
  { x: [1, 22, 5, 7], w: [262, 11, 1, 1], attributes: { groups: 2 } },
  { x: [1, 1, 6, 40], w: [67, 1, 2, 3], attributes: { dilation: 2, padding: 3 } },
  { x: [33, 65, 1, 1], w: [68, 65, 1, 1], attributes: {} },
];

/** Images of one pixel: products of rows. Panels of 64 filters and fours of them, chunks of 16 rows, steps of 8 channels, and one less and more. */
const products: typeof convolutions = [
  [1, 1, 1],
  [1, 2, 3],
  [1, 64, 64],
  [1, 127, 65],
  [3, 9, 63],
  [16, 7, 5],
  [17, 8, 130],
  [2, 600, 4],
].map(([N, K, M]) => ({ x: [N, K, 1, 1], w: [M, K, 1, 1], attributes: {} }));

/** Weights, activations, and the kernel for a few filters and for many. */
const formats: [string, CodeFormat, CodeFormat, few: string, many: string][] = [
  ["w1a1", bipolar, binary, "nibbles", "tables"],
  ["w1a1, both bipolar", bipolar, bipolar, "nibbles", "tables"],
  ["w1a2", bipolar, uint(2), "nibbles", "tables"],
  ["w2a1", ternary, binary, "nibbles", "nibbles"],
  ["w2a2", ternary, uint(2), "nibbles", "tables"],
  ["w2a2, three levels of activations", ternary, ternary, "nibbles", "tables"],
  ["w3a2", int(3), uint(2), "nibbles", "tables"],
  ["w4a4", int(4), uint(4), "lanes", "lanes"],
  ["w2a8", ternary, uint(8), "lanes", "lanes"],
  ["w8a8", int(8), uint(8), "dot16", "dot16"],
  ["w2a8, signed", ternary, int(8), "lanes", "lanes"],
  ["w4a4, with -8", codeFormat("int", -8, 7), uint(4), "lanes", "lanes"],
  ["w4a7", int(4), uint(7), "dot16", "dot16"],
  ["w8a4", int(8), uint(4), "dot16", "dot16"],
  ["w8a7", int(8), uint(7), "dot16", "dot16"],
  ["w1a4", bipolar, int(4), "lanes", "lanes"],
  ["w2a4", ternary, uint(4), "lanes", "lanes"],
  ["w3a3", int(3), int(3), "lanes", "tables"],
  ["w1a3", bipolar, uint(3), "lanes", "tables"],
  ["w3a3, a zero point of 2", int(3), codeFormat("uint", -2, 5), "lanes", "tables"],
];

describe.each(formats)("conv2dCodes on wasm, %s", (_, w, x, few, many) => {
  it.each([...convolutions, ...manyFilters, ...products])(
    "$x with $w, $attributes",
    async ({ x: xShape, w: wShape, attributes }) => {
      const xs = values(xShape, fields(elementsOf(xShape), x, 1), "u8");
      const ws = values(wShape, packFields(fields(elementsOf(wShape), w, 2), w.bits), `p${w.bits}` as Dtype);
      const specification = specify(conv2dCodes.declaration, [xs, ws], { ...attributes, x, w });
      const expected = referenceOf(specification);
      for (const backend of backends) {
        const { outputs, kernel } = await runCall(backend, specification);
        const filters = wShape[0];
        if (backend.build === "portable" && attributes.padding === 1 && elementsOf(wShape) / filters < 600)
          if (filters < 10 || filters > 64) expect(kernel).toContain(filters > 64 ? many : few); // the rule decides between
        expect(kernel).not.toBe("reference");
        if (xShape[2] * xShape[3] === 1 && attributes.padding === undefined) expect(kernel).toContain("rows");
        expect([...outputs[0]]).toEqual([...expected]);
      }
    },
  );

  it.each([
    { x: [1, 301, 3, 5], w: [70, 301, 3, 3], padding: 1 },
    { x: [1, 2709, 1, 1], w: [70, 2709, 1, 1], padding: 0 },
  ])("the largest sums that codes can make: $x with $w", async ({ padding, ...shapes }) => {
    for (const [xField, wField] of [
      [0, 0],
      [0, w.levels - 1],
      [x.levels - 1, 0],
      [x.levels - 1, w.levels - 1],
    ]) {
      const xs = values(shapes.x, new Uint8Array(elementsOf(shapes.x)).fill(xField), "u8");
      const ws = values(
        shapes.w,
        packFields(new Uint8Array(elementsOf(shapes.w)).fill(wField), w.bits),
        `p${w.bits}` as Dtype,
      );
      const specification = specify(conv2dCodes.declaration, [xs, ws], { padding, x, w });
      const expected = referenceOf(specification);
      for (const backend of backends) {
        const { outputs } = await runCall(backend, specification);
        expect([...outputs[0]]).toEqual([...expected]);
      }
    }
  });

  it("held in f32: the same numbers", async () => {
    const [xShape, wShape] = [
      [2, 7, 9, 9],
      [6, 7, 3, 3],
    ];
    const held = (shape: number[], format: CodeFormat, seed: number) =>
      values(
        shape,
        Float32Array.from(fields(elementsOf(shape), format, seed), (field) => format.offset + format.step * field),
      );
    const specification = specify(conv2dCodes.declaration, [held(xShape, x, 1), held(wShape, w, 2)], {
      padding: 1,
      x,
      w,
    });
    const { outputs, kernel } = await runCall(backends[1], specification);
    expect(kernel).toBe("conv2d-codes-f32-direct");
    expect([...outputs[0]]).toEqual([...referenceOf(specification)]);
  });
});
