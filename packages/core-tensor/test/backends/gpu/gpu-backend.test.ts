import { afterEach, describe, expect, it } from "vitest";
import type { GpuMode } from "../../../src/backends/gpu/gpu-mode.js";
import { createEngine } from "../../../src/engine/create-engine.js";
import type { Engine } from "../../../src/engine/engine.js";
import type { HostTensor } from "../../../src/graph/dtype.js";
import { constantOf } from "../../../src/graph/sources.js";
import { inLayer } from "../../../src/graph/tensor.js";
import { assign, stateVariable } from "../../../src/graph/variable.js";
import { add, multiply } from "../../../src/ops/arithmetic.js";
import { conv2dCodes } from "../../../src/ops/codes.js";
import { matmul } from "../../../src/ops/matmul.js";
import { crossEntropy } from "../../../src/ops/softmax.js";
import { cast } from "../../../src/ops/unary.js";
import { codeFormat } from "../../../src/packed/code-format.js";

const engines: Engine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});
async function open(gpuMode: GpuMode): Promise<Engine> {
  const engine = await createEngine({ backend: "gpu", gpuMode });
  engines.push(engine);
  return engine;
}
const f32 = (...values: number[]): HostTensor => ({
  dtype: "f32",
  shape: [1, values.length],
  data: Float32Array.from(values),
});

describe("the gpu backend", () => {
  it("names what a mode lacks here, and the modes there are", async () => {
    await expect(open("webgpu")).rejects.toThrow(/webgpu[\s\S]*no WebGPU adapter answers/);
    await expect(open("cuda" as GpuMode)).rejects.toThrow(/no mode "cuda"[\s\S]*webgpu, webgl2, webasm, cpu/);
  });

  it("takes WebAssembly in Node where no mode is named", async () => {
    const engine = await createEngine({ backend: "gpu" });
    engines.push(engine);
    expect(engine.backend).toMatchObject({ name: "gpu", build: "webasm" });
  });

  it("leaves to the reference what it has no kernel for, and all that follows, and names both", async () => {
    const engine = await open("cpu");
    const step = engine.compile(({ x, labels }) => {
      const logits = inLayer("head", () =>
        matmul(x, constantOf({ dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) })),
      );
      const loss = inLayer("loss", () => crossEntropy(logits, labels));
      return { logits, twice: multiply(loss, 2) };
    });
    const results = await step({ x: f32(1, -1), labels: { dtype: "i32", shape: [1], data: Int32Array.of(1) } });
    expect([...results.logits.data]).toEqual([-2, -2]);
    expect(results.twice.data[0]).toBeCloseTo(2 * Math.log(2), 6);
    const [first, second, third] = step.explain().programs[0].calls;
    expect(first).toMatchObject({ op: "matmul", kernel: "matmul-gpu" });
    expect(second).toMatchObject({
      op: "crossEntropy",
      kernel: "reference",
      reason: "gpu has no kernel for crossEntropy",
    });
    expect(third.kernel).toBe("reference");
    expect(third.reason).toMatch(/reads the result of a call on the host: crossEntropy of layer "loss"/);
  });

  it("writes variables after the run, and reads them anew in the next", async () => {
    const engine = await open("webasm");
    const total = stateVariable("total", { dtype: "f32", shape: [1, 2], data: Float32Array.of(10, 20) });
    const step = engine.compile(({ x }) => {
      const sum = add(total, x);
      assign(total, sum);
      return { sum };
    });
    expect([...(await step({ x: f32(1, 2) })).sum.data]).toEqual([11, 22]);
    expect([...(await step({ x: f32(1, 2) })).sum.data]).toEqual([12, 24]);
    await engine.write(total, f32(0, 1));
    expect([...(await step({ x: f32(1, 2) })).sum.data]).toEqual([1, 3]);
    await expect(step({ x: f32(Number.NaN, 0) })).rejects.toThrow(/"total" is NaN/);
    expect([...(await engine.read(total)).data]).toEqual([1, 3]);
  });

  // 127 · 255 · K passes 2²⁴ from K = 519 on: below it sums are exact, above it only what becomes f32 stays on the device.
  it.each([518, 519, 4000])("rounds a sum of %i products of 8 bits once, or leaves it to the reference", async (K) => {
    const x = codeFormat("uint", 0, 255);
    const w = codeFormat("int", -127, 127);
    const weights = constantOf({
      dtype: "p8",
      shape: [1, K, 1, 1],
      data: new Uint8Array(Math.ceil(K / 4) * 4).fill(254),
    });
    const fields: HostTensor = { dtype: "u8", shape: [1, K, 1, 1], data: new Uint8Array(K).fill(255).fill(254, 0, 3) };
    const exact = 127 * (255 * K - 3);
    for (const mode of ["webasm", "cpu"] as const) {
      const engine = await open(mode);
      const whole = engine.compile(({ fields }) => ({ sums: conv2dCodes(fields, weights, { x, w }) }));
      expect((await whole({ fields })).sums.data[0]).toBe(exact);
      expect(whole.explain().programs[0].computedByReference).toEqual(K < 519 ? [] : ["conv2dCodes"]);
      const rounded = engine.compile(({ fields }) => ({
        sums: multiply(cast(conv2dCodes(fields, weights, { x, w }), { dtype: "f32" }), 1),
      }));
      expect((await rounded({ fields })).sums.data[0]).toBe(Math.fround(exact));
      expect(rounded.explain().programs[0].computedByReference).toEqual([]);
    }
  });

  it("refuses whole numbers that float32 can't hold", async () => {
    const engine = await open("cpu");
    const step = engine.compile(({ x }) => ({ y: cast(x, { dtype: "f32" }) }));
    const of = (value: number): HostTensor => ({ dtype: "i32", shape: [1], data: Int32Array.of(value) });
    expect((await step({ x: of(2 ** 24) })).y.data[0]).toBe(2 ** 24);
    await expect(step({ x: of(2 ** 24 + 1) })).rejects.toThrow(/can't take the i32 value 16777217/);
  });
});
