import { describe, expect, it } from "vitest";
import { multiplyAddModule } from "../../src/measure/multiply-add-module.js";

/** a = a · x + y in float32, `turns` times from 0. */
function chain(turns: number): number {
  const [x, y] = [Math.fround(0.999), Math.fround(0.001)];
  let a = 0;
  for (let i = 0; i < turns; i++) a = Math.fround(Math.fround(a * x) + y);
  return a;
}

describe("the ceiling's module", () => {
  it.each([1, 3, 12, 128])("adds up %d chains that each did their turns", (chains) => {
    const module = new WebAssembly.Module(multiplyAddModule({ chains, fused: false }) as BufferSource);
    const { peak } = new WebAssembly.Instance(module).exports as { peak: (turns: number) => number };
    for (const turns of [1, 2, 1000]) expect(peak(turns)).toBeCloseTo(chains * chain(turns), 4);
  });
});
