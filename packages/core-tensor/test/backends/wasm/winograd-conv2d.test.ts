import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assign, conv2d, createEngine, multiply, parameter } from "../../../src/index.js";
import { conv2d as declared } from "../../../src/ops/conv2d.js";
import type { Backend } from "../../../src/plan/backend.js";
import { createBackends } from "./create-backends.js";
import { f32, numbers, referenceOf, runCall, specify } from "./run-call.js";

let backends: Backend[] = [];
beforeAll(async () => {
  backends = await createBackends([1, 2, 3], { winograd: true });
});
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

/** The largest magnitude in each stretch of `length` values. */
function largestOfEach(data: ArrayLike<number>, length: number): number[] {
  const most = new Array<number>(data.length / length).fill(0);
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / length);
    most[at] = Math.max(most[at], Math.abs(data[i]));
  }
  return most;
}

// Odd sizes, narrow images, every padding, groups, several bands, several images in a chunk.
const convolutions: { x: number[]; w: number[]; attributes: { groups?: number; padding?: number | number[] } }[] = [
  { x: [2, 8, 3, 3], w: [8, 8, 3, 3], attributes: {} },
  { x: [2, 8, 1, 1], w: [9, 8, 3, 3], attributes: { padding: 1 } },
  { x: [2, 9, 5, 6], w: [10, 9, 3, 3], attributes: { padding: [0, 1, 2, 1] } },
  { x: [1, 16, 28, 28], w: [16, 16, 3, 3], attributes: { padding: 1 } },
  { x: [3, 16, 13, 14], w: [24, 8, 3, 3], attributes: { padding: 2, groups: 2 } },
  { x: [19, 8, 7, 7], w: [9, 8, 3, 3], attributes: { padding: 1 } },
  { x: [17, 32, 7, 5], w: [18, 32, 3, 3], attributes: { padding: 1 } },
  { x: [1, 64, 57, 40], w: [11, 64, 3, 3], attributes: { padding: 1 } },
];

describe("conv2d by Winograd", () => {
  it.each(convolutions)(
    "$x with $w, $attributes: within the stated bound, the same on 1, 2 and 3 threads",
    async (each) => {
      const { x: xShape, w: wShape, attributes } = each;
      const [x, w] = [f32(xShape, 3), f32(wShape, 4)];
      const specification = specify(declared.declaration, [x, w], attributes);
      const expected = referenceOf(specification);
      const [M, C] = wShape;
      const pixels = expected.length / (xShape[0] * M);
      const largestTap = largestOfEach(w.data, 9);
      const largestPixel = largestOfEach(x.data, xShape[2] * xShape[3]); // of a plane: no smaller than that of a tile
      const bounds = Array.from(expected, (_, i) => {
        const m = Math.floor(i / pixels) % M;
        const image = Math.floor(i / pixels / M);
        const firstChannel = image * xShape[1] + Math.floor(m / (M / (attributes.groups ?? 1))) * C;
        let sum = 0;
        for (let c = 0; c < C; c++) sum += largestTap[m * C + c] * largestPixel[firstChannel + c];
        return 81 * (C + 10) * 2 ** -24 * sum;
      });
      const results = new Map<string, Buffer>(); // by build
      for (const backend of backends) {
        const { outputs, kernel, reason } = await runCall(backend, specification);
        expect(kernel).toBe("conv2d-f32-winograd-2x2");
        expect(reason).toContain("winograd was asked for");
        const beyond = bounds.findIndex((bound, i) => !(Math.abs(outputs[0][i] - expected[i]) <= bound));
        expect(beyond).toBe(-1);
        const bits = Buffer.from(outputs[0].buffer);
        expect(bits.equals(results.get(backend.build) ?? bits)).toBe(true);
        results.set(backend.build, bits);
      }
    },
  );

  it("is off unless asked for, and never runs where something is written", async () => {
    const x = { dtype: "f32", shape: [1, 8, 6, 6], data: numbers(288, 1) } as const;
    const kernelsOf = async (winograd: boolean | undefined, writes: boolean) => {
      const engine = await createEngine({ threads: 1, winograd });
      const w = parameter("w", [8, 8, 3, 3], numbers(576, 2));
      const step = engine.compile(({ x }) => {
        const y = conv2d(x, w.tensor, { padding: 1 });
        if (writes) assign(w, multiply(w.tensor, 0.5));
        return { y };
      });
      await step({ x });
      const { programs } = step.explain();
      await engine.close();
      return JSON.stringify(programs);
    };
    expect(await kernelsOf(true, false)).toContain("winograd-2x2");
    expect(await kernelsOf(true, true)).not.toContain("winograd");
    expect(await kernelsOf(undefined, false)).not.toContain("winograd");
  });
});
