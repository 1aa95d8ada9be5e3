import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostArray } from "../../../src/graph/dtype.js";
import { elementsOf } from "../../../src/graph/shape.js";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "../../../src/ops/conv2d.js";
import { matmul } from "../../../src/ops/matmul.js";
import type { Backend } from "../../../src/plan/backend.js";
import { createBackends } from "./create-backends.js";
import { type CallSpecification, f32, referenceOf, runCall, specify } from "./run-call.js";

let backends: Backend[] = [];
beforeAll(async () => {
  backends = await createBackends([1, 2, 3]);
});
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

/** Runs a call on 1, 2 and 3 threads of each build: the same bits on each, and close to the reference. */
async function check(specification: CallSpecification): Promise<void> {
  const expected = referenceOf(specification);
  const inputs = specification.inputs.map((input) => ({ ...input, data: input.data.map(Math.abs) as HostArray }));
  const sizes = referenceOf({ ...specification, inputs }); // Σ |a| · |b|
  const results = new Map<string, Buffer>(); // by build
  for (const backend of backends) {
    const { outputs, kernel, reason } = await runCall(backend, specification);
    expect(kernel, reason).not.toBe("reference");
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(outputs[0][i] - expected[i]) / (sizes[i] + 1e-30));
    }
    expect(worst).toBeLessThan(32 * 2 ** -23); // the sum of K products may be K · 2⁻²³ off
    const bits = Buffer.from(outputs[0].buffer);
    expect(bits.equals(results.get(backend.build) ?? bits)).toBe(true);
    results.set(backend.build, bits);
  }
}

describe("matmul on wasm", () => {
  const sizes = [
    [0, 3, 4],
    [3, 0, 4],
    [3, 4, 0],
    [1, 1, 1],
    [2, 16, 1],
    [3, 17, 5],
    [1, 15, 7],
    [1, 32, 3],
    [1, 47, 300], // one row: panels in pairs, and one left over
    [1, 0, 5],
    [1, 33, 0],
    [65, 161, 9], // the last chunk has one row
    [64, 10, 64],
    [65, 129, 300],
    [70, 33, 257],
  ];
  for (const [M, N, K] of sizes) {
    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      it(`${M} × ${N} × ${K}${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`, () =>
        check(
          specify(matmul.declaration, [f32(transposeA ? [K, M] : [M, K], 1), f32(transposeB ? [N, K] : [K, N], 2)], {
            transposeA,
            transposeB,
          }),
        ));
    }
  }
});

const convolutions: { x: number[]; w: number[]; attributes: object }[] = [
  { x: [1, 1, 1, 1], w: [1, 1, 1, 1], attributes: {} },
  { x: [2, 3, 5, 4], w: [4, 3, 3, 3], attributes: { padding: 1 } },
  { x: [3, 16, 14, 14], w: [16, 16, 3, 3], attributes: { padding: 1 } },
  { x: [2, 8, 7, 7], w: [12, 8, 3, 3], attributes: { padding: 1 } },
  { x: [2, 5, 28, 28], w: [7, 5, 3, 3], attributes: { padding: 1 } },
  { x: [2, 5, 28, 28], w: [7, 5, 3, 3], attributes: { padding: 1, stride: 2 } },
  { x: [2, 5, 28, 28], w: [7, 5, 1, 1], attributes: { stride: 2 } },
  { x: [2, 4, 9, 11], w: [3, 4, 1, 1], attributes: {} },
  { x: [2, 4, 8, 8], w: [5, 4, 1, 1], attributes: {} },
  { x: [1, 4, 6, 5], w: [6, 2, 3, 2], attributes: { stride: [2, 1], padding: [1, 0], groups: 2 } },
  { x: [1, 2, 7, 6], w: [2, 1, 3, 3], attributes: { dilation: 2, padding: [2, 1, 1, 2], groups: 2 } },
  { x: [2, 3, 11, 9], w: [4, 3, 5, 4], attributes: { stride: [3, 2], padding: [2, 1, 3, 0], dilation: [1, 2] } },
  { x: [1, 2, 9, 9], w: [2, 2, 2, 2], attributes: { stride: 3, dilation: 3, padding: 4 } },
  { x: [2, 2, 2, 2], w: [3, 2, 2, 2], attributes: { padding: 5 } },
  { x: [1, 3, 33, 17], w: [2, 3, 7, 7], attributes: { stride: 2, padding: 3 } },
  { x: [1, 80, 9, 9], w: [5, 80, 3, 3], attributes: { padding: 1 } }, // K = 720: more than one piece
  { x: [5, 6, 8, 8], w: [6, 1, 3, 3], attributes: { padding: 1, groups: 6 } },
  { x: [1, 70, 40, 40], w: [3, 70, 3, 3], attributes: { padding: 1 } }, // several bands
  { x: [1, 2, 3, 40], w: [18, 2, 3, 1], attributes: {} },
  // 3 × 3 with stride 1: odd sizes, narrow images, every padding, several bands
  { x: [2, 8, 3, 3], w: [8, 8, 3, 3], attributes: {} },
  { x: [2, 8, 1, 1], w: [9, 8, 3, 3], attributes: { padding: 1 } },
  { x: [2, 9, 5, 6], w: [10, 9, 3, 3], attributes: { padding: [0, 1, 2, 1] } },
  { x: [1, 16, 28, 28], w: [16, 16, 3, 3], attributes: { padding: 1 } },
  { x: [3, 16, 13, 14], w: [24, 8, 3, 3], attributes: { padding: 2, groups: 2 } },
  { x: [19, 8, 7, 7], w: [9, 8, 3, 3], attributes: { padding: 1 } }, // several images in a chunk
  { x: [17, 32, 7, 5], w: [18, 32, 3, 3], attributes: { padding: 1 } },
  { x: [9, 10, 14, 13], w: [8, 10, 3, 3], attributes: { padding: 1 } },
  { x: [1, 64, 57, 40], w: [11, 64, 3, 3], attributes: { padding: 1 } },
  { x: [0, 2, 5, 5], w: [3, 2, 3, 3], attributes: {} },
];

describe("conv2d on wasm", () => {
  it.each(convolutions)("$x with $w, $attributes", ({ x, w, attributes }) =>
    check(specify(conv2d.declaration, [f32(x, 3), f32(w, 4)], attributes)),
  );

  it.each(convolutions)("input gradient of $x with $w, $attributes", ({ x, w, attributes }) => {
    const y = specify(conv2d.declaration, [f32(x), f32(w)], attributes).outputs[0].shape;
    return check(specify(conv2dInputGradient.declaration, [f32(y, 5), f32(w, 6)], { ...attributes, inputShape: x }));
  });

  it.each(convolutions)("weight gradient of $x with $w, $attributes", ({ x, w, attributes }) => {
    const y = specify(conv2d.declaration, [f32(x), f32(w)], attributes).outputs[0].shape;
    expect(elementsOf(w)).toBeGreaterThan(0);
    return check(specify(conv2dWeightGradient.declaration, [f32(x, 7), f32(y, 8)], { ...attributes, weightShape: w }));
  });
});
