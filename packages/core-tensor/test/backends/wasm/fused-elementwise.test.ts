import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWasmBackend } from "../../../src/backends/wasm/wasm-backend.js";
import type { OpDeclaration, Values } from "../../../src/graph/define-op.js";
import type { Dtype } from "../../../src/graph/dtype.js";
import { elementsOf, type Shape } from "../../../src/graph/shape.js";
import { operations } from "../../../src/ops/operations.js";
import type { Backend } from "../../../src/plan/backend.js";
import { fusedElementwise } from "../../../src/plan/fuse-elementwise.js";
import type { FusedElementwise } from "../../../src/plan/program.js";
import { emptyData, f32, numbers, runCall, values } from "./run-call.js";

const backends: Backend[] = [];
beforeAll(async () => {
  for (const threads of [1, 2]) backends.push(await createWasmBackend({ threads }));
});
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

type Step = readonly [code: string, sources: readonly number[], immediates?: readonly number[]];

/** The pass step by step through the references of the single operations, each result rounded to f32. */
function oracle(inputs: readonly Values[], attributes: FusedElementwise, dtypes: readonly Dtype[]) {
  const registers = [...inputs];
  for (const {
    code,
    sources,
    immediates: [min, max],
  } of attributes.steps) {
    const { reference } = operations.get(code) as OpDeclaration;
    const operands = sources.map((source) => registers[source]);
    const out = values(attributes.shape, emptyData("f32", attributes.shape));
    reference?.(out, operands, { min, max });
    registers.push(out);
  }
  return attributes.results.map((register, i) => {
    const from = registers[register].data;
    if (dtypes[i] === "f32") return from;
    const convert = (x: number) => (dtypes[i] === "bool" ? Number(x !== 0) : Math.trunc(x));
    return dtypes[i] === "i32" ? Int32Array.from(from, convert) : Uint8ClampedArray.from(from, convert); // bytes saturate
  });
}

interface Pass {
  readonly shape: Shape;
  readonly inputs: readonly Values[];
  readonly steps: readonly Step[];
  readonly results: readonly number[];
  readonly dtypes?: readonly Dtype[];
  readonly inPlace?: number;
}

/** The same bits as the oracle, on one thread and on two. */
async function check({
  shape,
  inputs,
  steps,
  results,
  dtypes = results.map(() => "f32" as const),
  inPlace,
}: Pass): Promise<void> {
  const attributes: FusedElementwise = {
    shape,
    steps: steps.map(([code, sources, immediates = []]) => ({ code, sources, immediates })),
    results,
  };
  const expected = oracle(inputs, attributes, dtypes);
  for (const backend of backends) {
    const outputs = dtypes.map((dtype) => ({ shape, dtype }));
    const {
      outputs: found,
      kernel,
      reason,
    } = await runCall(backend, { op: fusedElementwise, attributes, inputs, outputs, inPlace });
    expect(kernel, reason).not.toBe("reference");
    expected.forEach((values, i) => {
      const wrong = Array.from(values).findIndex((value, at) => !Object.is(value, found[i][at]));
      expect(wrong < 0 ? "" : `output ${i}, element ${wrong}: ${found[i][wrong]}, not ${values[wrong]}`).toBe("");
    });
  }
}

const special = Float32Array.of(
  ...[
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.5,
    NaN,
    Infinity,
    -Infinity,
    1e-40,
    -1e-40,
    3.4e38,
    -3.4e38,
    8388608.5,
    16777217,
    0.49999997,
  ],
  ...[-0.1, 0.1, 2, -2, 7.25, 1e-30],
);
const pairs = Array.from({ length: special.length ** 2 }, (_, i) => [
  special[i % special.length],
  special[Math.floor(i / special.length)],
]);
const a = values(
  [pairs.length],
  Float32Array.from(pairs, ([x]) => x),
);
const b = values(
  [pairs.length],
  Float32Array.from(pairs, ([, x]) => x),
);

describe("element-wise steps give the bits of the references, special values included", () => {
  const unary = ["negate", "abs", "square", "sqrt", "relu", "sign", "roundHalfEven", "roundStraightThrough", "copy"];
  it.each(unary)("%s", (code) => check({ shape: a.shape, inputs: [a], steps: [[code, [0]]], results: [1] }));

  const binary = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "reluGradient"];
  const comparisons = ["greater", "greaterEqual", "less", "equal"];
  it.each([...binary, ...comparisons])("%s", (code) =>
    check({ shape: a.shape, inputs: [a, b], steps: [[code, [0, 1]]], results: [2] }),
  );
  it.each(comparisons)("%s as bool", (code) =>
    check({ shape: a.shape, inputs: [a, b], steps: [[code, [0, 1]]], results: [2], dtypes: ["bool"] }),
  );

  it("clip", () => check({ shape: a.shape, inputs: [a], steps: [["clip", [0], [-1, 2.5]]], results: [1] }));
  it("clip at bounds that f32 does not hold", async () => {
    const near = values([5], Float32Array.of(0.1, 0.1 - 2 ** -27, 0.1 + 2 ** -27, 0.7, 0.7 + 2 ** -24));
    await check({ shape: [5], inputs: [near], steps: [["clip", [0], [0.1, 0.7]]], results: [1] });
    await check({ shape: [5], inputs: [f32([5]), near], steps: [["clipGradient", [0, 1], [0.1, 0.7]]], results: [2] });
  });
  it("clipGradient", () =>
    check({ shape: a.shape, inputs: [a, b], steps: [["clipGradient", [0, 1], [-1, 2.5]]], results: [2] }));
  it("select", () =>
    check({ shape: a.shape, inputs: [a, b, f32(a.shape)], steps: [["select", [0, 1, 2]]], results: [3] }));
});

describe("fused passes", () => {
  const shape = [2, 3, 5, 4];
  const chain: Step[] = [
    ["multiply", [0, 1]],
    ["add", [3, 2]],
    ["relu", [4]],
    ["subtract", [5, 0]],
    ["square", [6]],
  ];
  it.each([
    [[2, 3, 5, 4]],
    [[3, 1, 1]],
    [[4]],
    [[5, 1]],
    [[]],
    [[2, 1, 1, 1]],
    [[2, 1, 5, 1]],
    [[2, 1, 1, 4]],
    [[1, 3, 1, 4]],
  ])("broadcast an operand [%s]", (operand) =>
    check({ shape, inputs: [f32(shape, 1), f32(operand, 2), f32([3, 1, 1], 3)], steps: chain, results: [7, 5, 5] }),
  );

  it.each([0, 1, 3, 4, 5, 511, 512, 513, 1027, 16383, 16385, 70001])("cover %d elements and no more", (n) =>
    check({ shape: [n], inputs: [f32([n], 1), f32([n], 2), f32([], 3)], steps: chain, results: [7, 4] }),
  );

  it.each([
    [100, 3],
    [1, 1000],
    [40, 513],
  ])("add a row [C] to [%d, %d]", (N, C) =>
    check({ shape: [N, C], inputs: [f32([N, C], 1), f32([C], 2), f32([N, 1], 3)], steps: chain, results: [7] }),
  );

  it("read and write other dtypes", () => {
    const n = 1500;
    const codes = values([n], Uint8Array.from(numbers(n, 4, [0, 255.9])), "u8");
    const flags = values([n], Uint8Array.from(numbers(n, 5, [0, 1.9])), "bool");
    const integers = values([n], Int32Array.from(numbers(n, 6, [-1000, 1000])), "i32");
    return check({
      shape: [n],
      inputs: [codes, flags, integers],
      steps: [
        ["select", [1, 0, 2]],
        ["abs", [3]],
        ["minimum", [4, 5]],
        ["copy", [0]],
      ].map(([code, sources]) => (code === "minimum" ? ["maximum", [4, 0]] : [code, sources])) as Step[],
      results: [3, 5, 6, 4],
      dtypes: ["f32", "i32", "u8", "f32"],
    });
  });

  it("take the place of an input, also where later steps still read it", async () => {
    for (const n of [5, 2000]) {
      const inputs = [f32([n], 1), f32([n], 2)];
      await check({ shape: [n], inputs, steps: [["add", [0, 1]]], results: [2], inPlace: 0 });
      await check({
        shape: [n],
        inputs,
        steps: [
          ["add", [0, 1]],
          ["multiply", [2, 0]],
        ],
        results: [2, 3],
        inPlace: 0,
      });
      await check({
        shape: [n],
        inputs,
        steps: [
          ["add", [0, 1]],
          ["multiply", [2, 0]],
        ],
        results: [3],
        inPlace: 1,
      });
    }
  });

  describe("with values of their own for each channel", () => {
    const affine: Step[] = [
      ["multiply", [0, 1]],
      ["add", [4, 2]],
      ["clip", [5], [0, 1]],
      ["multiply", [6, 3]],
      ["roundStraightThrough", [7]],
      ["cast", [8], [2]],
    ];
    // Channels of whole vectors and of broken ones, shorter and longer than a block, and more than a chunk in all.
    const shapes: Shape[] = [
      [2, 3, 8, 8],
      [1, 5, 12, 43],
      [3, 2, 24, 24],
      [2, 3, 7, 7],
      [2, 3, 2, 2],
      [1, 2, 100, 100],
    ];
    it.each(shapes)("make codes, and what codes are made of, of [%d, %d, %d, %d]", async (...shape) => {
      const channel = [shape[1], 1, 1];
      const sums = values(shape, Int32Array.from(numbers(elementsOf(shape), 1, [-40, 40])), "i32");
      const inputs = [sums, f32(channel, 2), f32(channel, 3), f32([], 4)];
      await check({ shape, inputs, steps: affine, results: [9], dtypes: ["u8"] });
      await check({ shape, inputs, steps: affine, results: [9, 5], dtypes: ["u8", "f32"] });
      await check({ shape, inputs, steps: affine, results: [8, 9], dtypes: ["f32", "u8"] });
      const wide = affine.map((step): Step => (step[0] === "clip" ? ["clip", [5], [-300, 70_000]] : step));
      const large = values([], Float32Array.of(1e6));
      await check({ shape, inputs: [...inputs.slice(0, 3), large], steps: wide, results: [9], dtypes: ["u8"] });
      // a scale for each place, and factors on the left
      await check({
        shape,
        inputs: [...inputs.slice(0, 3), f32(shape, 5)],
        steps: affine,
        results: [9],
        dtypes: ["u8"],
      });
      const turned = affine.map(
        (step): Step => (step[0] === "multiply" && step[1][0] === 0 ? ["multiply", [1, 0]] : step),
      );
      await check({ shape, inputs, steps: turned, results: [9], dtypes: ["u8"] });
    });

    it("add, and select, by channel and by place", async () => {
      const shape = [2, 3, 8, 9];
      const inputs = [f32(shape, 1), f32([3, 1, 1], 2), f32(shape, 3), f32([], 4)];
      const steps: Step[] = [
        ["subtract", [1, 0]],
        ["greater", [4, 3]],
        ["select", [5, 1, 2]],
        ["clipGradient", [6, 1], [-0.5, 0.5]],
        ["maximum", [3, 1]],
        ["square", [1]],
      ];
      await check({ shape, inputs, steps, results: [4, 6, 7, 8, 9] });
    });
  });

  describe("whose steps are joined round each operation as if they were not", () => {
    const quantizing = (other: readonly number[]): Step[] => [
      ["clip", [0], [-1, 2.5]],
      ["multiply", other],
      ["roundStraightThrough", [3]],
      ["cast", [4], [2]],
    ];
    it.each([
      {
        name: "multiply, add",
        steps: [
          ["multiply", [0, 1]],
          ["add", [2, 1]],
        ] as Step[],
        results: [3],
      },
      {
        name: "add of a product on its right",
        steps: [
          ["multiply", [0, 1]],
          ["add", [0, 2]],
        ] as Step[],
        results: [3],
      },
      {
        name: "a product added to itself",
        steps: [
          ["multiply", [0, 1]],
          ["add", [2, 2]],
        ] as Step[],
        results: [3],
      },
      {
        name: "a product that is a result too",
        steps: [
          ["multiply", [0, 1]],
          ["add", [2, 1]],
        ] as Step[],
        results: [3, 2],
      },
      {
        name: "a product that another step reads",
        steps: [
          ["multiply", [0, 1]],
          ["add", [2, 1]],
          ["subtract", [3, 2]],
        ] as Step[],
        results: [4],
      },
      {
        name: "sum of two products",
        steps: [
          ["multiply", [0, 1]],
          ["multiply", [1, 1]],
          ["add", [2, 3]],
        ] as Step[],
        results: [4],
      },
      { name: "clip, multiply, round", steps: quantizing([2, 1]).slice(0, 3), results: [4] },
      { name: "the same with factors turned", steps: quantizing([1, 2]).slice(0, 3), results: [4] },
      {
        name: "clip, multiply, round, whose product is a result",
        steps: quantizing([2, 1]).slice(0, 3),
        results: [4, 3],
      },
      { name: "clip, multiply, round, whose clip is read twice", steps: quantizing([2, 2]).slice(0, 3), results: [4] },
    ])("$name", ({ steps, results }) => check({ shape: a.shape, inputs: [a, b], steps, results }));

    it.each([1, 15, 16, 17, 63, 511, 1025])("codes of %d sums of integers, saturated at both ends", async (n) => {
      const sums = values([n], Int32Array.from(numbers(n, 7, [-2000, 2000])), "i32");
      const scales = [f32([n], 8, [0.01, 0.2]), f32([], 9, [0.5, 2])];
      const steps: Step[] = [
        ["cast", [0], [0]],
        ["multiply", [3, 1]],
        ["add", [4, 2]],
        ["clip", [5], [-20, 300]],
        ["multiply", [6, 2]],
        ["roundHalfEven", [7]],
        ["cast", [8], [2]],
      ];
      const pass: FusedElementwise = {
        shape: [n],
        steps: steps.map(([code, sources, immediates = []]) => ({ code, sources, immediates })),
        results: [9, 3],
      };
      const outputs = [
        { shape: [n], dtype: "u8" as const },
        { shape: [n], dtype: "f32" as const },
      ];
      const call = { op: fusedElementwise, attributes: pass, inputs: [sums, ...scales], outputs };
      const { outputs: found, kernel, reason } = await runCall(backends[0], call);
      expect(kernel, reason).not.toBe("reference");
      const [scale, shift] = [scales[0].data, scales[1].data[0]];
      const expected = Array.from(sums.data, (sum, i) => {
        const value = Math.fround(Math.fround(sum * scale[i]) + shift);
        const scaled = Math.fround(Math.min(Math.max(value, -20), 300) * shift);
        const floor = Math.floor(scaled);
        const isUp = scaled - floor > 0.5 || (scaled - floor === 0.5 && floor % 2 !== 0);
        return Math.min(255, Math.max(0, isUp ? floor + 1 : floor));
      });
      expect([...found[0]]).toEqual(expected);
      expect([...found[1]]).toEqual([...sums.data]);
    });
  });

  it("keep twenty values apart", () => {
    const steps = Array.from({ length: 16 }, (_, i): Step => [i % 2 ? "add" : "multiply", [i % 4, i + 3]]);
    const inputs = [1, 2, 3, 4].map((seed) => f32([3000], seed, [0.9, 1.1]));
    return check({ shape: [3000], inputs, steps, results: [19, 7, 12] });
  });
});

describe("elementary functions", () => {
  /** Units in the last place of f32 around x. */
  const unitAt = (x: number) => 2 ** Math.max(Math.floor(Math.log2(Math.abs(x))) - 23, -149);

  it.each([
    ["exp", Math.exp, -104, 89, 2],
    ["log", Math.log, 0, 10, 2],
    ["tanh", Math.tanh, -10, 10, 2.5],
    ["sigmoid", (x: number) => 1 / (1 + Math.exp(-x)), -80, 80, 2.5],
  ] as const)("%s is within a few units in the last place", async (code, exact, low, high, units) => {
    const n = 200_000;
    const even = numbers(n, 3, [low, high]);
    const small = numbers(n, 4, [-1, 1]).map((x, i) => (low < 0 ? x : Math.abs(x)) * 2 ** -(i % 120));
    const large = numbers(n, 5, [0.5, 1]).map((x, i) => (low < 0 ? x : x * 2 ** (i % 120)));
    for (const xs of [even, small, large]) {
      const attributes: FusedElementwise = {
        shape: [n],
        steps: [{ code, sources: [0], immediates: [] }],
        results: [1],
      };
      const call = {
        op: fusedElementwise,
        attributes,
        inputs: [values([n], xs)],
        outputs: [{ shape: [n], dtype: "f32" as const }],
      };
      const {
        outputs: [found],
      } = await runCall(backends[0], call);
      let worst = 0;
      for (let i = 0; i < n; i++) {
        const right = exact(xs[i]);
        if (Math.fround(right) === found[i]) continue;
        worst = Math.max(worst, Math.abs(found[i] - right) / unitAt(right));
      }
      expect(worst).toBeLessThan(units);
    }
  });

  it.each([
    ["exp", [NaN, Infinity, -Infinity, 0, -0, 200, -200], [NaN, Infinity, 0, 1, 1, Infinity, 0]],
    ["log", [NaN, Infinity, -Infinity, 0, -0, 1, -1], [NaN, Infinity, NaN, -Infinity, -Infinity, 0, NaN]],
    ["tanh", [NaN, Infinity, -Infinity, 0, -0, 50, -50], [NaN, 1, -1, 0, -0, 1, -1]],
    ["sigmoid", [NaN, Infinity, -Infinity, 0, -0, 200, -200], [NaN, 1, 0, 0.5, 0.5, 1, 0]],
  ])("%s at the ends", async (code, xs, expected) => {
    const attributes: FusedElementwise = { shape: [7], steps: [{ code, sources: [0], immediates: [] }], results: [1] };
    const call = {
      op: fusedElementwise,
      attributes,
      inputs: [values([7], Float32Array.from(xs))],
      outputs: [{ shape: [7], dtype: "f32" as const }],
    };
    const {
      outputs: [found],
    } = await runCall(backends[0], call);
    expect([...found]).toEqual(expected);
  });
});
