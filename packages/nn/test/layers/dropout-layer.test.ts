import { createEngine, type Engine, grad, parameter, sum, type Tensor } from "@lowbit/core-tensor";
import { afterEach, describe, expect, it } from "vitest";
import { dropoutLayer } from "../../src/index.js";

const engines: Engine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

const SIZE = 4000;
async function drops(rate: number, { seed = 1, training = true, steps = 3 } = {}): Promise<number[][]> {
  const engine = await createEngine({ backend: "js" });
  engines.push(engine);
  const layer = dropoutLayer({ name: "drop", rate, seed });
  const x = parameter("x", [SIZE], new Float32Array(SIZE).fill(1));
  const step = engine.compile((): Record<string, Tensor> => {
    const y = layer.forward(x.tensor, { training });
    return { y, slope: grad(sum(y), [x])[0] };
  });
  const results: number[][] = [];
  for (let i = 0; i < steps; i++) {
    const { y, slope } = await step({});
    expect(slope.data).toEqual(y.data); // y is x · mask, and x is 1
    results.push([...y.data]);
  }
  return results;
}

describe("dropout", () => {
  it.each([0.1, 0.5, 0.9])("drops about %d of the values, other ones each step, and keeps the mean", async (rate) => {
    const [first, second] = await drops(rate);
    const dropped = first.filter((value) => value === 0).length / SIZE;
    expect(Math.abs(dropped - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / SIZE));
    for (const value of first) if (value !== 0) expect(value).toBeCloseTo(1 / (1 - rate), 5);
    expect(second).not.toEqual(first);
  });

  it("drops the same for the same seed, and other values for another", async () => {
    expect(await drops(0.5)).toEqual(await drops(0.5));
    expect(await drops(0.5, { seed: 2 })).not.toEqual(await drops(0.5));
  });

  it("does nothing in evaluation", async () => {
    expect((await drops(0.5, { training: false, steps: 1 }))[0].every((value) => value === 1)).toBe(true);
  });

  it("refuses to drop everything", () => {
    expect(() => dropoutLayer({ name: "drop", rate: 1, seed: 0 })).toThrow(/can't drop 1[\s\S]*layer "drop"/);
  });
});

it("drops the same units in every step where axes are shared", async () => {
  const engine = await createEngine({ backend: "js" });
  engines.push(engine);
  const layer = dropoutLayer({ name: "drop", rate: 0.5, seed: 1, sharedAxes: [0] });
  const x = parameter("x", [3, 200], new Float32Array(600).fill(1));
  const { y } = await engine.compile(() => ({ y: layer.forward(x.tensor, { training: true }) }))({});
  const [first, second, third] = [0, 1, 2].map((t) => [...y.data.subarray(t * 200, (t + 1) * 200)]);
  expect(second).toEqual(first);
  expect(third).toEqual(first);
  expect(new Set(first)).toEqual(new Set([0, 2]));
});
