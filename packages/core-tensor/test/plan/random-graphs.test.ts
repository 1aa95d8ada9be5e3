import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  add,
  assign,
  clip,
  concat,
  constantOf,
  conv2d,
  copy,
  createEngine,
  type Engine,
  greater,
  type HostTensor,
  max,
  maximum,
  multiply,
  parameter,
  reshape,
  roundHalfEven,
  select,
  stopGradient,
  subtract,
  sum,
  type Tensor,
  transpose,
} from "../../src/index.js";
import { randomNumbers, randomTensor } from "../oracles/random-values.js";

// The planner merges, fuses, reorders and lets values take turns in memory. None of that may show: on small whole numbers
// every operation below is exact, so programs planned for wasm (fused, several results in one place) must equal the
// reference, which runs one operation after another.

const engines: [string, Engine][] = [
  ["js", await createEngine({ backend: "js" })],
  ["wasm, 1 thread", await createEngine({ backend: "wasm", threads: 1 })],
  ["wasm, 3 threads", await createEngine({ backend: "wasm", threads: 3 })],
];
afterAll(async () => {
  for (const [, engine] of engines) await engine.close();
});

/** One step of building: takes tensors made so far (all broadcast with [3, 1, 5] kin) and gives another. */
type Step = { readonly kind: number; readonly a: number; readonly b: number; readonly c: number };

const shapes = [[4, 3, 5], [3, 1], [5], [], [1, 3, 5], [4, 1, 1]];

/** Keeps numbers small and whole, so that no order of operations rounds. */
const tame = (x: Tensor): Tensor => clip(roundHalfEven(x), { min: -50, max: 50 });

function build(steps: readonly Step[], sources: readonly Tensor[]): Tensor[] {
  const made: Tensor[] = [...sources];
  const pick = (index: number): Tensor => made[index % made.length];
  for (const { kind, a, b, c } of steps) {
    const [x, y, z] = [pick(a), pick(b), pick(c)];
    const choices = [
      () => add(x, y),
      () => tame(multiply(x, y)),
      () => subtract(x, multiply(y, 2)),
      () => maximum(x, y),
      () => select(greater(x, y), z, x),
      () => sum(x, { axes: x.shape.length > 0 ? [x.shape.length - 1] : [], keepDims: true }),
      () => max(x, { keepDims: true }),
      () => reshape(reshape(x, { shape: [-1] }), { shape: x.shape }),
      () => stopGradient(x),
      () => transpose(transpose(x)),
      () => (x.shape.length > 0 ? sum(concat([x, x], { axis: 0 }), { axes: [0], keepDims: true }) : copy(x)),
    ];
    made.push(tame(choices[kind % choices.length]()));
  }
  return made;
}

const steps = fc.array(fc.record({ kind: fc.nat(30), a: fc.nat(60), b: fc.nat(60), c: fc.nat(60) }), {
  minLength: 1,
  maxLength: 25,
});

describe("planned programs", () => {
  it("equal the reference, whatever is merged, fused or overwritten", () =>
    fc.assert(
      fc.asyncProperty(steps, fc.nat(1000), fc.nat(60), fc.nat(60), async (chosen, seed, first, second) => {
        const random = randomNumbers(seed);
        const inputs: Record<string, HostTensor> = {};
        shapes.forEach((shape, i) => {
          const drawn = randomTensor(random, shape, { range: [-4, 4] });
          inputs[`x${i}`] = { ...drawn, data: Float32Array.from(drawn.data, Math.round) };
        });
        const results = [];
        for (const [, engine] of engines) {
          const state = parameter("state", [4, 3, 5], new Float32Array(60).fill(3));
          const other = parameter("other", [4, 3, 5], new Float32Array(60).fill(-2));
          const program = engine.compile((tensors) => {
            const made = build(chosen, [...Object.values(tensors), state.tensor, other.tensor]);
            const whole = (tensor: Tensor) => add(tensor, multiply(state, 0));
            const a = whole(made[first % made.length]);
            assign(state, clip(a, { min: -9, max: 9 }));
            assign(other, state.tensor);
            return { a, b: made[second % made.length], last: made[made.length - 1], first: made[0] };
          });
          const twice = [await program(inputs), await program(inputs)];
          const plain = twice.flatMap((each) => Object.values(each).map(({ data }) => Array.from(data, (v) => v + 0)));
          const kept = [await engine.read(state), await engine.read(other)].map(({ data }) =>
            Array.from(data, (v) => v + 0),
          );
          results.push([...plain, ...kept]);
        }
        for (const result of results.slice(1)) expect(result).toEqual(results[0]);
      }),
      { numRuns: 60, seed: 20261123 },
    ));

  it("a thousand steps take no more memory than the first", async () => {
    for (const [, engine] of engines.slice(0, 2)) {
      const weight = parameter("weight", [32, 32], new Float32Array(1024).fill(0.01));
      const step = engine.compile(({ x }) => {
        assign(weight, clip(add(weight, multiply(sum(x), 0.001)), { min: -1, max: 1 }));
        return { y: multiply(weight, x) };
      });
      const x: HostTensor = { dtype: "f32", shape: [32, 32], data: new Float32Array(1024).fill(1) };
      await step({ x });
      const before = engine.memory();
      for (let i = 0; i < 1000; i++) await step({ x });
      expect(engine.memory()).toEqual(before);
      expect(step.explain().compilations).toBe(1);
    }
  });
});

describe("what is computed once, before all else", () => {
  it.each(engines)("leaves the inputs alone that wait for the first run: %s", async (_, engine) => {
    const [ones, weight] = [
      { dtype: "f32", shape: [1, 8, 6, 6], data: new Float32Array(288).fill(1) },
      { dtype: "f32", shape: [1, 8, 3, 3], data: new Float32Array(72).fill(1) },
    ] as const;
    const x: HostTensor = {
      dtype: "f32",
      shape: [2, 8, 6, 6],
      data: Float32Array.from({ length: 576 }, (_, i) => i % 7),
    };
    const run = engine.compile(({ x }) => {
      const sums = conv2d(multiply(x, 2), constantOf(weight), { padding: 1 });
      return { y: add(sums, conv2d(constantOf(ones), constantOf(weight), { padding: 1 })) };
    });
    const first = [...(await run({ x })).y.data];
    const inside = (channel: number, row: number, column: number) =>
      row < 0 || row > 5 || column < 0 || column > 5 ? undefined : x.data[(channel * 6 + row) * 6 + column];
    const wanted = Array.from({ length: 72 }, (_, at) => {
      const [image, row, column] = [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6];
      let sum = 0;
      for (let tap = 0; tap < 72; tap++) {
        const value = inside(
          8 * image + Math.floor(tap / 9),
          row + Math.floor((tap % 9) / 3) - 1,
          column + (tap % 3) - 1,
        );
        if (value !== undefined) sum += 2 * value + 1;
      }
      return sum;
    });
    expect(first).toEqual(wanted);
    expect([...(await run({ x })).y.data]).toEqual(wanted);
  });
});
