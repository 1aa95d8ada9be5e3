import { afterEach, describe, expect, it } from "vitest";
import {
  add,
  assign,
  constantOf,
  createEngine,
  type Engine,
  grad,
  type HostTensor,
  log,
  matmul,
  mean,
  multiply,
  parameter,
  reshape,
  square,
  subtract,
  sum,
  type Tensor,
} from "../../src/index.js";

const f32 = (shape: number[], values: number[]): HostTensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(values),
});
const engines: Engine[] = [];
async function make(backend: "js" | "wasm", memoryLimit?: number): Promise<Engine> {
  const engine = await createEngine({ backend, threads: 1, memoryLimit });
  engines.push(engine);
  return engine;
}
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

describe.each(["js", "wasm"] as const)("an engine on %s", (backend) => {
  it("fits a line by gradient descent", async () => {
    const engine = await make(backend);
    const slope = parameter("slope", [1, 1], Float32Array.of(0));
    const step = engine.compile(({ x, y }: Record<string, Tensor>) => {
      const loss = mean(square(subtract(matmul(x, slope.tensor), y)));
      const [dSlope] = grad(loss, [slope]);
      assign(slope, subtract(slope, multiply(dSlope, 0.1)));
      return { loss };
    });
    const data = { x: f32([4, 1], [1, 2, 3, 4]), y: f32([4, 1], [2, 4, 6, 8]) };
    for (let i = 0; i < 50; i++) await step(data);
    expect((await engine.read(slope)).data[0]).toBeCloseTo(2, 5);
    expect(step.explain().compilations).toBe(1);
  });

  it("writes results over those of the call before, for each shape, where it is told so", async () => {
    const engine = await make(backend);
    const build = ({ x }: Record<string, Tensor>) => ({ twice: add(x, x), back: x });
    const [kept, fresh] = [engine.compile(build, { reuseResults: true }), engine.compile(build)];
    const first = await kept({ x: f32([2], [1, 2]) });
    const other = await kept({ x: f32([3], [5, 6, 7]) });
    const second = await kept({ x: f32([2], [3, 4]) });
    expect(second).toBe(first);
    expect([first.twice.data, first.back.data, other.twice.data].map((data) => [...data])).toEqual([
      [6, 8],
      [3, 4],
      [10, 12, 14],
    ]);
    const owned = await fresh({ x: f32([2], [1, 2]) });
    await fresh({ x: f32([2], [3, 4]) });
    expect([...owned.twice.data]).toEqual([2, 4]);
    expect(kept.explain().programs.map(({ inputs }) => inputs)).toEqual(["x: f32 [2]", "x: f32 [3]"]);
  });

  it("reads every variable as it was before the step: two swap", async () => {
    const engine = await make(backend);
    const [a, b] = [parameter("a", [2], Float32Array.of(1, 2)), parameter("b", [2], Float32Array.of(3, 4))];
    const swap = engine.compile(() => {
      assign(a, b.tensor);
      assign(b, a.tensor);
      return { before: a.tensor, sum: add(a, b) };
    });
    expect([...(await swap({})).before.data]).toEqual([1, 2]);
    expect([...(await engine.read(a)).data, ...(await engine.read(b)).data]).toEqual([3, 4, 1, 2]);
  });

  it("writes nothing when one of the values is not finite, and names it", async () => {
    const engine = await make(backend);
    const [good, bad] = [parameter("good", [1], Float32Array.of(1)), parameter("bad", [1], Float32Array.of(0))];
    const step = engine.compile(() => {
      assign(good, add(good, 1));
      assign(bad, log(bad));
      return { loss: sum(good) };
    });
    await expect(step({})).rejects.toThrow(/"bad" is NaN or infinite; nothing was written/);
    expect((await engine.read(good)).data[0]).toBe(1);
  });

  it("refuses a second assignment in one step", async () => {
    const engine = await make(backend);
    const a = parameter("a", [1], Float32Array.of(1));
    const step = engine.compile(() => {
      assign(a, add(a, 1));
      assign(a, add(a, 2));
      return {};
    });
    await expect(step({})).rejects.toThrow(/"a" is assigned twice/);
  });

  it("compiles again for other shapes, and keeps views apart from what they show", async () => {
    const engine = await make(backend);
    const f = engine.compile(({ x }: Record<string, Tensor>) => ({
      flat: reshape(x, { shape: [-1] }),
      doubled: reshape(add(x, x), { shape: [1, -1] }),
    }));
    expect([...(await f({ x: f32([2, 1], [1, 2]) })).doubled.data]).toEqual([2, 4]);
    const second = await f({ x: f32([3], [1, 2, 3]) });
    expect([second.flat.shape, [...second.flat.data]]).toEqual([[3], [1, 2, 3]]);
    expect(f.explain().compilations).toBe(2);
  });

  it("refuses a plan over the limit and tells the batch that would fit", async () => {
    const engine = await make(backend, 1_000_000);
    const f = engine.compile(({ x }: Record<string, Tensor>) => ({ y: matmul(x, matmul(x, x, { transposeA: true })) }));
    await expect(f({ x: f32([2000, 100], new Array(200_000).fill(1)) })).rejects.toThrow(
      /may take 1000000[\s\S]*a batch of \d+ would fit/,
    );
  });

  it("keeps nothing of what it evaluates once", async () => {
    const engine = await make(backend);
    const a = parameter("a", [1000], new Float32Array(1000).fill(2));
    const once = async (value: number) => {
      const values = constantOf(f32([1000], new Array(1000).fill(value)));
      const [result] = await engine.evaluate([multiply(add(values, values), a)]);
      return result.data[999];
    };
    expect(await once(1)).toBe(4);
    const before = engine.memory();
    for (let i = 2; i < 50; i++) expect(await once(i)).toBe(4 * i);
    expect(engine.memory()).toEqual(before);
  });

  it("refuses inputs that lie about their shape", async () => {
    const engine = await make(backend);
    const f = engine.compile(({ x }: Record<string, Tensor>) => ({ y: add(x, 1) }));
    await expect(f({ x: f32([3], [1, 2]) })).rejects.toThrow(/3 values for its shape/);
  });
});
