import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpDeclaration, Values } from "../../../src/graph/define-op.js";
import type { Dtype } from "../../../src/graph/dtype.js";
import { elementsOf, type Shape } from "../../../src/graph/shape.js";
import { operations } from "../../../src/ops/operations.js";
import { codeFormat } from "../../../src/packed/code-format.js";
import { packFields } from "../../../src/packed/pack-codes.js";
import type { Backend } from "../../../src/plan/backend.js";
import { createBackends } from "./create-backends.js";
import { difference, f32, numbers, referenceOf, runCall, specify, values } from "./run-call.js";

let backends: Backend[] = [];
beforeAll(async () => {
  backends = await createBackends([1, 2, 3]);
});
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

const op = (name: string): OpDeclaration => operations.get(name) as OpDeclaration;

/** Whole numbers in [low, high]. */
const whole = (shape: Shape, low: number, high: number, dtype: Dtype = "i32", seed = 9): Values => {
  const drawn = numbers(elementsOf(shape), seed, [low, high + 0.999]).map(Math.floor);
  return values(shape, dtype === "i32" ? Int32Array.from(drawn) : Uint8Array.from(drawn), dtype);
};

interface Case {
  readonly name: string;
  readonly inputs: readonly Values[];
  readonly attributes?: unknown;
  /** Largest |a − b| / (1 + |b|); 0 means the same bits. */
  readonly within: number;
}

const spread: readonly [number, number] = [0.5, 2];
const normal = (x: Shape): Values[] => [f32(x, 1), f32([2, x[1]], 2, spread), f32([x[1]], 3), f32([x[1]], 4)];

/** Codes of every width, and lengths around the 32 fields that make whole words. */
const packed = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((bits) =>
  [0, 1, 3, 31, 32, 33, 100, 16389].flatMap((n): Case[] => {
    const format =
      bits === 1 ? codeFormat("bipolar", -1, 1) : codeFormat("int", -(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1);
    const fields = Uint8Array.from(numbers(n, bits, [0, format.levels - 1e-3]).map(Math.floor));
    const codes = values(
      [n],
      Float32Array.from(fields, (field) => format.offset + format.step * field),
    );
    return [
      { name: "packCodes", inputs: [codes], attributes: { format }, within: 0 },
      {
        name: "unpackCodes",
        inputs: [values([n], packFields(fields, bits), `p${bits}` as Dtype)],
        attributes: { format },
        within: 0,
      },
    ];
  }),
);

const cases: readonly Case[] = [
  ...[
    [4, 3, 2, 2],
    [5, 2],
    [1, 1, 1, 1],
    [64, 16, 7, 7],
    [3, 5, 13, 9],
  ].flatMap((x): Case[] => [
    { name: "batchMoments", inputs: [f32(x, 1)], within: 1e-6 },
    { name: "batchNormalise", inputs: normal(x), attributes: { epsilon: 1e-3 }, within: 1e-6 },
    {
      name: "batchNormaliseGradientSums",
      inputs: [f32(x, 5), ...normal(x).slice(0, 2)],
      attributes: { epsilon: 1e-3 },
      within: 2e-6,
    },
    {
      name: "batchNormaliseGradient",
      inputs: [f32(x, 5), ...normal(x).slice(0, 3), f32([2, x[1]], 6)],
      attributes: { epsilon: 1e-3 },
      within: 2e-6,
    },
  ]),
  ...["sum", "mean", "max"].flatMap((name): Case[] =>
    [
      { x: [3, 4], axes: undefined },
      { x: [1], axes: [0] },
      { x: [7, 5], axes: [0] },
      { x: [7, 5], axes: [1] },
      { x: [70, 33], axes: [0] },
      { x: [2, 3, 4], axes: [1] },
      { x: [4, 5, 3, 19], axes: [0, 2] },
      { x: [4, 5, 3, 7], axes: [0, 2, 3] },
      { x: [4, 5, 3, 7], axes: [2, 3] },
      { x: [64, 10], axes: [1] },
      { x: [3, 1, 5, 1], axes: [1, 3] },
    ].map(({ x, axes }) => ({ name, inputs: [f32(x, 7)], attributes: { axes }, within: 1e-6 })),
  ),
  { name: "argmax", inputs: [f32([33, 10], 1)], attributes: { axis: 1 }, within: 0 },
  {
    name: "argmax",
    inputs: [values([2, 4], Float32Array.of(1, 3, 3, 2, NaN, -1, -1, NaN))],
    attributes: { axis: 1 },
    within: 0,
  },
  { name: "argmax", inputs: [f32([3, 4, 70], 1)], attributes: { axis: 1 }, within: 0 },
  ...[
    [3, 5],
    [64, 10],
    [1, 1],
    [2, 1003],
  ].flatMap(([N, K]): Case[] => [
    { name: "softmax", inputs: [f32([N, K], 1, [-30, 30])], within: 1e-6 },
    { name: "logSoftmax", inputs: [f32([N, K], 1, [-30, 30])], within: 1e-6 },
    { name: "crossEntropy", inputs: [f32([N, K], 1, [-30, 30]), whole([N], 0, K - 1)], within: 1e-6 },
    {
      name: "crossEntropyGradient",
      inputs: [f32([N, K], 1, [-30, 30]), whole([N], 0, K - 1), f32([N], 2)],
      within: 1e-6,
    },
  ]),
  { name: "crossEntropy", inputs: [f32([3, 4], 1), values([3], Int32Array.of(-1, 4, 2), "i32")], within: 1e-6 },
  {
    name: "crossEntropyGradient",
    inputs: [f32([3, 4], 1), values([3], Int32Array.of(-1, 4, 2), "i32"), f32([3])],
    within: 1e-6,
  },
  ...[
    { x: [2, 2, 4, 6], window: { window: 2 } },
    { x: [1, 2, 5, 5], window: { window: [3, 2], stride: [2, 1], padding: [1, 0] } },
    { x: [3, 70, 9, 9], window: { window: 3, stride: 2, padding: 1 } },
    { x: [1, 1, 7, 7], window: { window: 7 } },
    { x: [2, 3, 37, 41], window: { window: 3, stride: 2, padding: 1 } },
    { x: [1, 2, 6, 70], window: { window: [2, 5], stride: 1, padding: [1, 2] } },
    { x: [1, 2, 11, 67], window: { window: [3, 4], stride: 3, padding: [0, 2] } },
  ].flatMap(({ x, window }): Case[] => {
    const pooled = f32(op("maxPool2d").shape([x], op("maxPool2d").normalise?.(window, [x])), 3);
    return [
      { name: "maxPool2d", inputs: [f32(x, 1)], attributes: window, within: 0 },
      { name: "maxPool2d", inputs: [whole(x, 0, 15, "u8")], attributes: window, within: 0 },
      { name: "maxPool2dGradient", inputs: [pooled, f32(x, 1)], attributes: window, within: 1e-6 },
      { name: "averagePool2d", inputs: [f32(x, 1)], attributes: window, within: 1e-6 },
      { name: "averagePool2d", inputs: [f32(x, 1)], attributes: { ...window, countPadding: true }, within: 1e-6 },
      { name: "averagePool2dGradient", inputs: [pooled], attributes: { ...window, inputShape: x }, within: 1e-6 },
    ];
  }),
  { name: "transpose", inputs: [f32([3, 4])], within: 0 },
  { name: "transpose", inputs: [whole([2, 3, 4], 0, 9, "u8")], attributes: { permutation: [1, 2, 0] }, within: 0 },
  { name: "transpose", inputs: [f32([5, 1, 130, 133])], attributes: { permutation: [0, 3, 1, 2] }, within: 0 },
  { name: "transpose", inputs: [f32([0, 4])], within: 0 },
  { name: "slice", inputs: [f32([4, 5])], attributes: { begin: [1, 2], size: [2, 3] }, within: 0 },
  { name: "slice", inputs: [whole([4, 5, 6], 0, 9)], attributes: { begin: [1, 0, 0], size: [2, 5, 6] }, within: 0 },
  { name: "slice", inputs: [f32([4, 5])], attributes: { begin: [1, 2], size: [0, 3] }, within: 0 },
  { name: "zeroPad", inputs: [f32([2, 3])], attributes: { before: [1, 0], after: [0, 2] }, within: 0 },
  { name: "concat", inputs: [f32([2, 3]), f32([2, 1], 2), f32([2, 7], 3)], attributes: { axis: 1 }, within: 0 },
  {
    name: "concat",
    inputs: [whole([2, 3], 0, 255, "u8"), whole([1, 3], 0, 255, "u8", 3)],
    attributes: { axis: 0 },
    within: 0,
  },
  { name: "broadcastTo", inputs: [f32([3, 1])], attributes: { shape: [2, 3, 40] }, within: 0 },
  { name: "broadcastTo", inputs: [f32([])], attributes: { shape: [2, 3] }, within: 0 },
  { name: "gather", inputs: [f32([5, 3]), whole([2, 20], -1, 5)], within: 0 },
  { name: "gatherGradient", inputs: [whole([2, 20], -1, 5), f32([2, 20, 33])], attributes: { rows: 5 }, within: 1e-6 },
  ...packed,
  { name: "cast", inputs: [whole([3, 700], -9, 9)], attributes: { dtype: "f32" }, within: 0 },
  { name: "cast", inputs: [whole([3, 7], 0, 255, "u8")], attributes: { dtype: "f32" }, within: 0 },
  { name: "cast", inputs: [f32([3, 7], 1, [-99, 99])], attributes: { dtype: "i32" }, within: 0 },
  { name: "cast", inputs: [f32([3, 7], 1, [0, 255])], attributes: { dtype: "u8" }, within: 0 },
  { name: "cast", inputs: [values([3], Float32Array.of(0, NaN, -2))], attributes: { dtype: "bool" }, within: 0 },
];

describe("every kernel against its reference, on 1, 2 and 3 threads", () => {
  it.each(cases.map((each) => ({ ...each, shapes: each.inputs.map(({ shape }) => `[${shape}]`).join(" ") })))(
    "$name of $shapes, $attributes",
    async ({ name, inputs, attributes, within }) => {
      const specification = specify(op(name), inputs, attributes);
      const expected = referenceOf(specification);
      const bits = new Map<string, Buffer>(); // by build
      for (const backend of backends) {
        const {
          outputs: [result],
          kernel,
          reason,
        } = await runCall(backend, specification);
        expect(kernel, reason).not.toBe("reference");
        expect(difference(result, expected)).toBeLessThanOrEqual(within);
        const bytes = Buffer.from(result.buffer);
        expect(bytes.equals(bits.get(backend.build) ?? bytes)).toBe(true);
        bits.set(backend.build, bytes);
      }
    },
  );
});
