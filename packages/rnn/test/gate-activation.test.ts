import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { builtIns, createRegistry } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { afterAll, describe, expect, it } from "vitest";
import {
  type BoundEdgeQuantizer,
  bindCellQuantizers,
  gruCell,
  planCellQuantization,
  unroll,
  vanillaCell,
} from "../src/index.js";

const registry = createRegistry(builtIns, wrpnPlugin);
const engine = await createEngine({ threads: 1 });
afterAll(() => engine.close());

function edgesOf(scheme: string, bits: number) {
  const precision = `w32a${bits}`;
  const { layers } = planCellQuantization([{ name: "a", hiddenSize: 1 }], {
    precision,
    scheme: registry.scheme(scheme),
  });
  return bindCellQuantizers(layers[0], registry) as Record<"sigmoidGate" | "tanhGate" | "state", BoundEdgeQuantizer>;
}

/** All levels of a grid, from its codes alone. */
function levelsOf({ quantizer, options, scale }: BoundEdgeQuantizer): number[] {
  const { kind, min, max } = quantizer.codes(options);
  const step = kind === "bipolar" ? 2 : 1;
  return Array.from({ length: (max - min) / step + 1 }, (_, i) => scale * (min + i * step));
}

const f32 = (shape: number[], data: ArrayLike<number>): HostTensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(data),
});
const constants = (values: Record<string, readonly number[]>): ReadonlyMap<string, HostTensor> =>
  new Map(
    Object.entries(values).map(([name, data]) => [
      `a.${name}`,
      f32(name.startsWith("bias") || name.endsWith("Bias") ? [data.length] : [data.length, 1], data),
    ]),
  );

const open = { name: "a", inputSize: 1, hiddenSize: 1, seed: 1 };
/** Cells of one unit whose next state is a gate of their input: h' = tanh(x), and h' = z = σ(x) where h is 1 and n is 0. */
const gates = {
  tanh: {
    exact: Math.tanh,
    inverse: Math.atanh,
    slot: "state",
    cell: (edge: BoundEdgeQuantizer, packed: boolean) =>
      vanillaCell({
        ...open,
        quantizers: { state: edge },
        packed: packed ? constants({ weight: [1], recurrent: [0], bias: [0] }) : undefined,
      }),
  },
  sigmoid: {
    exact: (x: number) => 1 / (1 + Math.exp(-x)),
    inverse: (y: number) => Math.log(y / (1 - y)),
    slot: "sigmoidGate",
    cell: (edge: BoundEdgeQuantizer, packed: boolean) =>
      gruCell({
        ...open,
        quantizers: { sigmoidGate: edge },
        packed: packed
          ? constants({ weight: [1, 0, 0], recurrent: [0, 0, 0], bias: [0, 0, 0], recurrentBias: [0] })
          : undefined,
      }),
  },
} as const;

/** Numbers on both sides of each boundary, float by float, and some between. */
function samplesAround(inverse: (y: number) => number, levels: readonly number[]): number[] {
  const edges = levels.slice(1).map((level, i) => inverse((level + levels[i]) / 2));
  const near = edges.flatMap((edge) =>
    Array.from({ length: 81 }, (_, i) => Math.fround(edge) + (i - 40) * Math.max(Math.abs(edge) * 2 ** -23, 2 ** -26)),
  );
  return [...near, ...Array.from({ length: 200 }, (_, i) => (i - 100) * 0.077)];
}

/** By how much a level is further from the exact value than another one is; 0 for the nearest. */
const excess = (level: number, exact: number, levels: readonly number[]): number =>
  Math.abs(level - exact) - Math.min(...levels.map((each) => Math.abs(each - exact)));

/** Half a unit in the last place of what lies in [½, 1]. */
const HALF_UNIT = 2 ** -25;

describe.each(["tanh", "sigmoid"] as const)("a gate behind a %s", (name) => {
  const { exact, inverse, slot, cell } = gates[name];
  const outputsOf = async (edge: BoundEdgeQuantizer, xs: readonly number[], how: "packed" | "training") => {
    const made = cell(edge, how === "packed");
    if (how === "training") {
      const values = { weight: slot === "state" ? [1] : [1, 0, 0], recurrent: slot === "state" ? [0] : [0, 0, 0] };
      for (const variable of made.variables) {
        const known = values[variable.name.slice(2) as keyof typeof values];
        if (known) await engine.write(variable, f32([...variable.shape], known));
      }
    }
    const run = engine.compile(({ x, hidden }) => ({
      outputs: unroll(made, x, { hidden }, { training: how === "training" }).outputs,
    }));
    const [x, hidden] = [
      f32([1, xs.length, 1], xs),
      f32(
        [xs.length, 1],
        xs.map(() => 1),
      ),
    ];
    return (await run({ x, hidden })).outputs.data;
  };

  it.each([
    ["wrpn", 1],
    ["wrpn", 2],
    ["wrpn", 3],
    ["dorefa", 2],
    ["dorefa", 3],
  ] as const)("packed in few bits, %s %i, goes to the level nearest to the exact activation", async (scheme, bits) => {
    const edge = edgesOf(scheme, bits)[slot];
    const levels = levelsOf(edge);
    expect(levels.length).toBeLessThanOrEqual(8);
    const xs = [...Float32Array.from(samplesAround(inverse, levels))];
    const outputs = await outputsOf(edge, xs, "packed");
    xs.forEach((x, i) => {
      expect(
        levels.some((level) => Math.abs(level - outputs[i]) < 2 ** -22),
        `level of ${x}`,
      ).toBe(true);
      expect(excess(outputs[i], exact(x), levels), `at ${x}`).toBeLessThan(2 * HALF_UNIT + 2 ** -24);
    });
    expect(new Set(outputs).size).toBe(levels.length);
  });

  it.each([
    ["packed", 4],
    ["packed", 8],
    ["training", 2],
    ["training", 8],
  ] as const)(
    "%s in %i bits is computed within 2.5 units in the last place, then goes to its grid",
    async (how, bits) => {
      const edge = edgesOf("wrpn", bits)[slot];
      const levels = levelsOf(edge);
      const xs = [...Float32Array.from(samplesAround(inverse, levels))];
      const outputs = await outputsOf(edge, xs, how);
      xs.forEach((x, i) => {
        expect(excess(outputs[i], exact(x), levels), `at ${x}`).toBeLessThan(2 * 5 * HALF_UNIT + 2 ** -24);
      });
    },
  );
});
