import { createEngine, type Engine, grad, type HostTensor, multiply, sum, type Tensor } from "@lowbit/core-tensor";
import { afterAll, describe, expect, it } from "vitest";
import { gruCell, lstmCell, unroll, unrollBothWays, vanillaCell, zeroState } from "../src/index.js";
import { type AnyCell, type AnyState, everyCell, normalTensor, scramble } from "./every-cell.js";
import { equations, type Reckoned, type Weights } from "./oracles/recurrent-equations.js";

const exact = await createEngine({ backend: "js", float: "f64" });
afterAll(() => exact.close());

const SIZES = { T: 4, N: 2, I: 3, H: 3 };
type Sizes = typeof SIZES;

const makeInputs = ({ stateSizes }: AnyCell, { T, N, I }: Sizes): Record<string, HostTensor> => ({
  x: normalTensor("x", [T, N, I]),
  ...Object.fromEntries(Object.entries(stateSizes).map(([name, size]) => [name, normalTensor(name, [N, size])])),
});

const row = ({ data }: HostTensor, index: number, width: number): number[] => [
  ...data.subarray(index * width, (index + 1) * width),
];

/** Every step of every sequence by the equations: hidden [T][N], and the last state of each sequence. */
function reckon(
  name: string,
  values: ReadonlyMap<string, HostTensor>,
  inputs: Record<string, HostTensor>,
  sizes: Sizes,
) {
  const { T, N, I } = sizes;
  const weights: Weights = Object.fromEntries(
    [...values].map(([path, { shape, data }]) => [path.split(".").at(-1), { columns: shape[1] ?? 1, data }]),
  );
  const hidden = Array.from({ length: T }, () => new Array<number[]>(N));
  const last = Array.from({ length: N }, (_, n) => {
    const firstOf = (each: HostTensor) => row(each, n, each.shape[1]);
    let state: Reckoned = { hidden: firstOf(inputs.hidden), cell: inputs.cell && firstOf(inputs.cell) };
    for (let t = 0; t < T; t++) {
      state = equations[name](weights, row(inputs.x, t * N + n, I), state);
      hidden[t][n] = state.hidden;
    }
    return state;
  });
  return {
    outputs: hidden.flat(2),
    hidden: last.flatMap((each) => each.hidden),
    cell: last.flatMap((each) => each.cell ?? []),
  };
}

function largestDifference(got: ArrayLike<number>, want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  return Math.max(...want.map((each, i) => Math.abs(each - got[i])));
}

const compileUnrolled = (engine: Engine, cell: AnyCell) =>
  engine.compile(({ x, ...state }: Record<string, Tensor>): Record<string, Tensor> => {
    const { outputs, state: last } = unroll(cell, x, state as AnyState);
    return { outputs, ...last };
  });

describe.each(everyCell)("%s", (name, makeCell) => {
  it.each([SIZES, { T: 1, N: 1, I: 1, H: 1 }, { T: 5, N: 3, I: 1, H: 4 }])(
    "computes its equations: $T steps of $N sequences, $I inputs, $H hidden units",
    async (sizes) => {
      const cell = makeCell({ name: "cell", inputSize: sizes.I, hiddenSize: sizes.H, seed: 1 });
      const values = await scramble(exact, cell.variables);
      const inputs = makeInputs(cell, sizes);
      const got = await compileUnrolled(exact, cell)(inputs);
      const want = reckon(name, values, inputs, sizes);
      expect(largestDifference(got.outputs.data, want.outputs)).toBeLessThan(1e-13);
      expect(largestDifference(got.hidden.data, want.hidden)).toBeLessThan(1e-13);
      if (got.cell) expect(largestDifference(got.cell.data, want.cell)).toBeLessThan(1e-13);
    },
  );

  it("has the gradients of finite differences through time, for weights, inputs and the first state", async () => {
    const cell = makeCell({ name: "cell", inputSize: SIZES.I, hiddenSize: SIZES.H, seed: 1 });
    await scramble(exact, cell.variables);
    const inputs = makeInputs(cell, SIZES);
    const factors = normalTensor("factors", [SIZES.T, SIZES.N, cell.hiddenSize]);
    const lossOf = ({ x, factors: each, ...state }: Record<string, Tensor>) =>
      sum(multiply(unroll(cell, x, state as AnyState).outputs, each));
    const value = exact.compile((given) => ({ loss: lossOf(given) }));
    const gradients = exact.compile((given: Record<string, Tensor>): Record<string, Tensor> => {
      const { factors: _, ...wanted } = given;
      const targets = [...Object.entries(wanted), ...cell.variables.map((each) => [each.name, each] as const)];
      const all = grad(
        lossOf(given),
        targets.map(([, target]) => target),
      );
      return Object.fromEntries(targets.map(([path], i) => [path, all[i]]));
    });
    const analytic = await gradients({ ...inputs, factors });
    const STEP = 1e-5;
    const slopes = async (tensor: HostTensor, at: (moved: HostTensor) => Promise<number>) => {
      const found: number[] = [];
      for (let i = 0; i < tensor.data.length; i++) {
        const moved = (by: number) => {
          const data = Float64Array.from(tensor.data);
          data[i] += by;
          return at({ ...tensor, data });
        };
        found.push(((await moved(STEP)) - (await moved(-STEP))) / (2 * STEP));
      }
      return found;
    };
    for (const [path, tensor] of Object.entries(inputs)) {
      const at = async (moved: HostTensor) => (await value({ ...inputs, factors, [path]: moved })).loss.data[0];
      expect(largestDifference(analytic[path].data, await slopes(tensor, at)), path).toBeLessThan(1e-7);
    }
    for (const variable of cell.variables) {
      const before = await exact.read(variable);
      const at = async (moved: HostTensor) => {
        await exact.write(variable, moved);
        return (await value({ ...inputs, factors })).loss.data[0];
      };
      expect(largestDifference(analytic[variable.name].data, await slopes(before, at)), variable.name).toBeLessThan(
        1e-7,
      );
      await exact.write(variable, before);
    }
  });

  it("gives on wasm what it gives in float64, and the same bits on one thread and on three", async () => {
    const sizes = { T: 9, N: 5, I: 17, H: 33 }; // beside the edges of tiles
    const cell = makeCell({ name: "cell", inputSize: sizes.I, hiddenSize: sizes.H, seed: 1 });
    const inputs = makeInputs(cell, sizes);
    const want = await compileUnrolled(exact, cell)(inputs);
    const results: HostTensor[] = [];
    for (const threads of [1, 3]) {
      const engine = await createEngine({ threads });
      const { outputs } = await compileUnrolled(engine, cell)(inputs);
      expect(largestDifference(outputs.data, [...want.outputs.data])).toBeLessThan(2e-5);
      results.push(outputs);
      await engine.close();
    }
    expect(results[1].data).toEqual(results[0].data);
  });
});

describe("unroll", () => {
  it("multiplies all steps' inputs at once, is compiled once for a length, and again for another", async () => {
    const cell = lstmCell({ name: "lstm", inputSize: 3, hiddenSize: 4, seed: 1 });
    const step = exact.compile(({ x }: Record<string, Tensor>) => ({
      outputs: unroll(cell, x, zeroState(cell, 2)).outputs,
    }));
    for (let call = 0; call < 3; call++) await step({ x: normalTensor("x", [6, 2, 3]) });
    const { compilations, programs } = step.explain();
    expect(compilations).toBe(1);
    const products = programs[0].calls.filter(({ op }) => op === "matmul").map(({ shape }) => shape.join());
    expect(products.filter((shape) => shape === "12,16")).toHaveLength(1); // [T·N, 4·H]
    expect(products.filter((shape) => shape === "2,16")).toHaveLength(6); // [N, 4·H] a step
    expect(products).toHaveLength(7);
    await step({ x: normalTensor("x", [7, 2, 3]) });
    expect(step.explain().compilations).toBe(2);
  });

  it("cuts a sequence into its steps with one concat on the way back, however long it is", async () => {
    const cell = lstmCell({ name: "lstm", inputSize: 3, hiddenSize: 4, seed: 1 });
    const step = exact.compile(({ x }: Record<string, Tensor>) => ({
      dx: grad(sum(unroll(cell, x, zeroState(cell, 2)).outputs), [x])[0],
    }));
    await step({ x: normalTensor("x", [6, 2, 3]) });
    const { calls } = step.explain().programs[0];
    expect(calls.filter(({ op }) => op === "zeroPad")).toEqual([]);
  });

  it("draws the same weights for the same seed and name, others for another", async () => {
    const weightOf = (name: string, seed: number) =>
      lstmCell({ name, inputSize: 3, hiddenSize: 4, seed }).variables[0].initial;
    expect(weightOf("a", 1)).toEqual(weightOf("a", 1));
    expect(weightOf("a", 2)).not.toEqual(weightOf("a", 1));
    expect(weightOf("b", 1)).not.toEqual(weightOf("a", 1));
    expect(weightOf("a", 1).every((weight) => Math.abs(weight) <= 0.5)).toBe(true); // 1 / √4
  });
});

describe("sequences of other lengths and directions", () => {
  const [T, N, I, H] = [5, 3, 2, 4];
  const lengths = [5, 2, 4];
  const mask = (): HostTensor => ({
    dtype: "f32",
    shape: [T, N],
    data: Float32Array.from({ length: T * N }, (_, i) => (Math.floor(i / N) < lengths[i % N] ? 1 : 0)),
  });
  /** Steps `from` … of sequence n alone, [steps, 1, I]. */
  const alone = ({ data }: HostTensor, n: number, steps: number): HostTensor => ({
    dtype: "f32",
    shape: [steps, 1, I],
    data: Float32Array.from({ length: steps * I }, (_, i) => data[(Math.floor(i / I) * N + n) * I + (i % I)]),
  });
  const reversed = ({ shape, data }: HostTensor): HostTensor => {
    const [steps] = shape;
    const width = data.length / steps;
    const at = (i: number) => data[(steps - 1 - Math.floor(i / width)) * width + (i % width)];
    return { dtype: "f32", shape, data: Float64Array.from(data, (_, i) => at(i)) };
  };

  it.each([false, true])(
    "ends each sequence where its mask does, and shows 0 behind (reversed: %s)",
    async (reverse) => {
      const cell = lstmCell({ name: "lstm", inputSize: I, hiddenSize: H, seed: 1 });
      const x = normalTensor("x", [T, N, I]);
      const masked = exact.compile((given: Record<string, Tensor>): Record<string, Tensor> => {
        const { outputs, state } = unroll(cell, given.x, zeroState(cell, N), { mask: given.mask, reverse });
        return { outputs, ...state };
      });
      const all = await masked({ x, mask: mask() });
      const one = exact.compile((given) => {
        const { outputs, state } = unroll(cell, given.x, zeroState(cell, 1));
        return { outputs, ...state };
      });
      for (let n = 0; n < N; n++) {
        const own = alone(x, n, lengths[n]);
        const want = await one({ x: reverse ? reversed(own) : own });
        const shown = reverse ? reversed(want.outputs) : want.outputs;
        const got = Array.from({ length: T }, (_, t) => row(all.outputs, t * N + n, H)).flat();
        const padded = [...shown.data, ...new Array<number>((T - lengths[n]) * H).fill(0)];
        expect(largestDifference(got, padded)).toBe(0);
        expect(row(all.hidden, n, H)).toEqual([...want.hidden.data]);
        expect(row(all.cell, n, H)).toEqual([...want.cell.data]);
      }
    },
  );

  it("reads a sequence from both ends", async () => {
    const make = (name: string) => gruCell({ name, inputSize: I, hiddenSize: H, seed: 1 });
    const cells = { forward: make("forward"), backward: make("backward") };
    const x = normalTensor("x", [T, 1, I]);
    const zero = () => zeroState(cells.forward, 1);
    const both = exact.compile((given) => {
      const read = unrollBothWays(cells, given.x, { forward: zero(), backward: zero() });
      return { outputs: read.outputs, last: read.forward.hidden, first: read.backward.hidden };
    });
    const single = (cell: typeof cells.forward) =>
      exact.compile((given) => ({ outputs: unroll(cell, given.x, zero()).outputs }));
    const got = await both({ x });
    const [forward, backward] = [
      (await single(cells.forward)({ x })).outputs,
      reversed((await single(cells.backward)({ x: reversed(x) })).outputs),
    ];
    for (let t = 0; t < T; t++) {
      expect(row(got.outputs, t, 2 * H)).toEqual([...row(forward, t, H), ...row(backward, t, H)]);
    }
    expect([...got.last.data]).toEqual(row(forward, T - 1, H));
    expect([...got.first.data]).toEqual(row(backward, 0, H));
  });

  it("takes no mask of another shape", () => {
    const cell = gruCell({ name: "gru", inputSize: I, hiddenSize: H, seed: 1 });
    const step = exact.compile((given) => ({
      y: unroll(cell, given.x, zeroState(cell, N), { mask: given.mask }).outputs,
    }));
    return expect(step({ x: normalTensor("x", [T, N, I]), mask: normalTensor("m", [N, T]) })).rejects.toThrow(
      /mask \[5, 3\]/,
    );
  });
});

describe("refusals", () => {
  const cell = lstmCell({ name: "encoder", inputSize: 3, hiddenSize: 4, seed: 1 });
  const unrollWith = (shape: readonly number[], batch: number) =>
    exact.compile(({ x }: Record<string, Tensor>) => ({ y: unroll(cell, x, zeroState(cell, batch)).outputs }))({
      x: normalTensor("x", shape),
    });

  it.each([
    [[2, 3], 2],
    [[0, 2, 3], 2],
    [[5, 2, 4], 2],
  ])("takes no x of shape %j", (shape, batch) =>
    expect(unrollWith(shape, batch)).rejects.toThrow(/layer "encoder"[\s\S]*x \[T, N, 3\], T from 1/),
  );

  it("takes no state of another batch", () =>
    expect(unrollWith([5, 2, 3], 3)).rejects.toThrow(/can't take hidden \[3, 4\][\s\S]*hidden \[2, 4\]/));

  it.each([0, -1, 1.5, Number.NaN])("makes no cell of %d hidden units", (hiddenSize) =>
    expect(() => gruCell({ name: "decoder", inputSize: 3, hiddenSize, seed: 1 })).toThrow(
      /hiddenSize[\s\S]*layer "decoder"[\s\S]*a whole number from 1/,
    ),
  );

  it("knows two ways to reset and two activations", () => {
    const options = { name: "cell", inputSize: 3, hiddenSize: 4, seed: 1 };
    expect(() => gruCell({ ...options, reset: "behind" as "after" })).toThrow(
      /can't reset "behind"[\s\S]*"after" or "before"/,
    );
    expect(() => vanillaCell({ ...options, activation: "sigmoid" as "tanh" })).toThrow(
      /"sigmoid"[\s\S]*"tanh" or "relu"/,
    );
  });
});
