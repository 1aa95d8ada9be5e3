import { createEngine, grad, type HostTensor, multiply, sum, type Tensor } from "@lowbit/core-tensor";
import { builtIns, createRegistry } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { afterAll, describe, expect, it } from "vitest";
import { bindCellQuantizers, lstmCell, planCellQuantization, unroll, zeroState } from "../src/index.js";
import { everyCell, normalTensor, scramble } from "./every-cell.js";

const registry = createRegistry(builtIns, wrpnPlugin);
const exact = await createEngine({ backend: "js", float: "f64" });
afterAll(() => exact.close());

const SIZES = { T: 5, N: 2, I: 3, H: 4 };

const quantizersFor = (precision: string, scale: "learned" | "constant" = "learned") => {
  const scheme = registry.scheme("wrpn");
  const layers = [{ name: "cell", hiddenSize: SIZES.H }];
  const [described] = planCellQuantization(layers, { precision, scheme, scale }).layers;
  return bindCellQuantizers(described, registry);
};

/** The nearest of the levels −n/n … n/n, or 0 … n/n: found by trying them all. */
function nearest(value: number, { bits, signed }: { bits: number; signed: boolean }): number {
  const n = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  let best = Number.POSITIVE_INFINITY;
  for (let code = signed ? -n : 0; code <= n; code++) {
    if (Math.abs(code / n - value) < Math.abs(best - value)) best = code / n;
  }
  return best;
}

/** An LSTM's step by its equations, with every slot but the cell on its grid. */
function quantizedLstm(
  values: ReadonlyMap<string, HostTensor>,
  inputs: readonly number[][],
  { weightBits, inputBits, gain }: { weightBits: number; inputBits: number; gain: number },
) {
  const { I, H } = SIZES;
  const matrix = (name: string) =>
    Array.from(values.get(name)?.data ?? [], (w) => gain * nearest(w / gain, { bits: weightBits, signed: true }));
  const [W, R, bias] = [matrix("cell.weight"), matrix("cell.recurrent"), values.get("cell.bias")?.data ?? []];
  const signed = (x: number) => nearest(x, { bits: inputBits, signed: true });
  const unsigned = (x: number) => nearest(x, { bits: inputBits, signed: false });
  let hidden = new Array<number>(H).fill(0);
  let cell = new Array<number>(H).fill(0);
  return inputs.map((x) => {
    const before = hidden;
    const sumOf = (row: number): number => {
      let total = bias[row];
      for (let k = 0; k < I; k++) total += W[row * I + k] * signed(x[k]);
      for (let k = 0; k < H; k++) total += R[row * H + k] * before[k];
      return total;
    };
    const sigmoid = (row: number) => unsigned(1 / (1 + Math.exp(-sumOf(row))));
    cell = cell.map((c, h) => sigmoid(2 * H + h) * c + sigmoid(h) * signed(Math.tanh(sumOf(3 * H + h))));
    hidden = cell.map((c, h) => signed(sigmoid(H + h) * signed(Math.tanh(c))));
    return hidden;
  });
}

describe("a quantized LSTM", () => {
  it.each(["w4a4", "w2a8", "w8a3"])("computes its equations with every slot on its grid: %s", async (precision) => {
    const { T, I, H } = SIZES;
    const quantizers = quantizersFor(precision, "constant");
    const cell = lstmCell({ name: "cell", inputSize: I, hiddenSize: H, seed: 1, quantizers });
    const values = await scramble(exact, cell.variables);
    const x = normalTensor("x", [T, 1, I]);
    const forward = exact.compile((given) => ({ y: unroll(cell, given.x, zeroState(cell, 1)).outputs }));
    const { y } = await forward({ x });
    const rows = Array.from({ length: T }, (_, t) => [...x.data.subarray(t * I, (t + 1) * I)]);
    const gain = quantizers.weight?.gain ?? Number.NaN;
    expect(gain).toBeCloseTo(2 / Math.sqrt(3 * H), 6); // two standard deviations of weights uniform in ±1 / √H
    const [weightBits, inputBits] = [Number(precision[1]), Number(precision[3])];
    const want = quantizedLstm(values, rows, { weightBits, inputBits, gain }).flat();
    expect(Math.max(...want.map((each, i) => Math.abs(each - y.data[i])))).toBeLessThan(1e-12);
  });
});

describe.each(everyCell)("%s, quantized", (name, makeCell) => {
  it.each(["w4a4", "w2a4", "w1a1", "w8a8", "w32a4", "w4a32"])(
    "multiplies whole numbers in evaluation, and gets what levels give in training: %s",
    async (precision) => {
      const { T, N, I, H } = SIZES;
      const cell = makeCell({
        name: "cell",
        inputSize: I,
        hiddenSize: H,
        seed: 1,
        quantizers: quantizersFor(precision),
      });
      await scramble(
        exact,
        cell.variables.filter((each) => !each.name.endsWith(".gain")),
      );
      const x = normalTensor("x", [T, N, I]);
      const run = (training: boolean) =>
        exact.compile((given) => ({ y: unroll(cell, given.x, zeroState(cell, N), { training }).outputs }))({ x });
      const [levels, codes] = [await run(true), await run(false)];
      // The scale of the wrpn grid is rounded to float32 where it multiplies sums of codes: 2⁻²⁴ of each value.
      const difference = Math.max(...levels.y.data.map((each, i) => Math.abs(each - codes.y.data[i])));
      expect(difference).toBeLessThan(2e-6);
      const isAlwaysPositive = name === "vanilla, relu" && precision === "w1a1"; // the sign of what is never negative
      expect(new Set(levels.y.data).size > 1).toBe(!isAlwaysPositive);
    },
  );
});

describe("a learned scale", () => {
  it("has LSQ's gradient: q(w/g) − w/g inside of the grid and its end outside, over √(weights · largest code)", async () => {
    const { T, N, I, H } = SIZES;
    const cell = lstmCell({ name: "cell", inputSize: I, hiddenSize: H, seed: 1, quantizers: quantizersFor("w4a32") });
    const values = await scramble(exact, cell.variables);
    const gain = cell.variables.find(({ name }) => name === "cell.weight.gain");
    const weight = cell.variables.find(({ name }) => name === "cell.weight");
    if (!gain || !weight) throw new Error("the cell has no learned scale");
    await exact.write(gain, { dtype: "f32", shape: [], data: Float32Array.of(0.75) });
    const factors = normalTensor("factors", [T, N, 4 * H]);
    const x = normalTensor("x", [T * N, I]);
    // The projected input is linear in the levels: d(loss)/d(level of w[m, k]) = Σ factor[·, m] · x[·, k].
    const { slope } = await exact.compile((given: Record<string, Tensor>) => {
      const projected = cell.open({ training: true }).project(given.x);
      return { slope: grad(sum(multiply(projected, given.factors)), [gain])[0] };
    })({ x, factors: { ...factors, shape: [T * N, 4 * H] } });
    let want = 0;
    const w = values.get("cell.weight")?.data ?? [];
    for (let m = 0; m < 4 * H; m++) {
      for (let k = 0; k < I; k++) {
        let dLevel = 0;
        for (let row = 0; row < T * N; row++) dLevel += factors.data[row * 4 * H + m] * x.data[row * I + k];
        const v = w[m * I + k] / 0.75;
        const own = v > 1 ? 1 : v < -1 ? -1 : nearest(v, { bits: 4, signed: true }) - v;
        want += dLevel * own;
      }
    }
    expect(slope.data[0]).toBeCloseTo(want / Math.sqrt(4 * H * I * 7), 6);
  });
});

describe("planning", () => {
  it("leaves what has 32 bits alone, and keeps the cell in fp32", () => {
    const plan = (precision: string) =>
      planCellQuantization([{ name: "cell", hiddenSize: 4 }], { precision, scheme: registry.scheme("wrpn") }).layers;
    expect(plan("fp32")).toEqual([]);
    expect(Object.keys(plan("w32a4")[0])).toEqual(["layer", "input", "state", "sigmoidGate", "tanhGate"]);
    expect(Object.keys(plan("w4a32")[0])).toEqual(["layer", "weight", "recurrent"]);
    expect(plan("w1a4")[0].weight).toMatchObject({ gain: 1 }); // a statistic of the weights, no scale of its own
    expect(plan("w1a4")[0].weight).not.toHaveProperty("learned");
  });

  it("takes no grid for an edge that is worked out of its values", () => {
    const chosen = {
      quantizer: "uniform-symmetric",
      version: 1,
      options: { bits: 4, range: "max-abs", granularity: "per-tensor", axis: 0 },
    };
    expect(() => bindCellQuantizers({ layer: "cell", state: chosen }, registry)).toThrow(
      /can't quantize an edge[\s\S]*slot "state"[\s\S]*constant/,
    );
  });
});
