import {
  buildNode,
  type CodeFormat,
  type Conv2dCodesOptions,
  codeFormat,
  conv2dCodes,
  createEngine,
  type Engine,
  type HostTensor,
  input,
  isPacked,
  largestInteger,
  operations,
  packFields,
} from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { builtIns, convert, createRegistry, prepare } from "@lowbit/quant";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkFigures, sized } from "./figures.js";
import { createRandom, type Random } from "./hostile/random.js";

// Goal G9: no sum of codes overflows. Every integer kernel is exact up to the largest sum that fits, a plan that could exceed it is
// refused, and small convolutions of every pair of widths equal an oracle that reckons in BigInt.

const engines = new Map<string, Engine>();
beforeAll(async () => {
  engines.set("js", await createEngine({ backend: "js" }));
  for (const threads of [1, 2, 4])
    engines.set(`wasm, ${threads} threads`, await createEngine({ backend: "wasm", threads }));
});
afterAll(async () => {
  for (const engine of engines.values()) await engine.close();
});

const widths = [1, 2, 3, 4, 5, 6, 7, 8];
const violations = { wrongSums: 0, overflowsPlanned: 0, boundsRefused: 0 };
const tried = { convolutions: 0, sums: 0, boundsChecked: 0, extremeSums: 0, integerKernels: 0 };

/** Every kind of codes that a width has. */
function formatsOf(bits: number): CodeFormat[] {
  const half = 2 ** (bits - 1);
  const unsigned = codeFormat(bits === 1 ? "binary" : "uint", 0, 2 ** bits - 1);
  if (bits === 1) return [unsigned, codeFormat("bipolar", -1, 1)];
  const affine = codeFormat("uint", -3, 2 ** bits - 4); // zero point 3
  return [
    unsigned,
    codeFormat(bits === 2 ? "ternary" : "int", 1 - half, half - 1),
    codeFormat("int", -half, half - 1),
    affine,
  ];
}

interface Geometry {
  /** [N, C, H, W] */
  readonly x: readonly number[];
  /** [M, C / groups, R, S] */
  readonly w: readonly number[];
  readonly stride: readonly [number, number];
  /** top, bottom, left, right */
  readonly padding: readonly [number, number, number, number];
  readonly groups: number;
}

/** Odd sizes and tails: nothing is a multiple of what a kernel takes at a time. */
function drawGeometry(random: Random): Geometry {
  const side = (): number => 1 + random.below(4);
  const groups = random.pick([1, 1, 1, 2, 3]);
  const perGroup = random.pick([1, 2, 3, 5, 7, 9, 31, 33, 65]);
  const [R, S] = [random.pick([1, 2, 3]), random.pick([1, 3])];
  const padding = [random.below(R), random.below(R), random.below(S), random.below(S)] as const;
  return {
    x: [1 + random.below(2), perGroup * groups, R + side(), S + side()],
    w: [groups * random.pick([1, 2, 3, 5]), perGroup, R, S],
    stride: [1 + random.below(2), 1 + random.below(2)],
    padding,
    groups,
  };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const integerOf = ({ offset, step }: CodeFormat, field: number): bigint =>
  BigInt(offset) + BigInt(step) * BigInt(field);

/** By the formula, in BigInt; what lies outside of x counts nothing. */
function convolve(
  xs: readonly bigint[],
  ws: readonly bigint[],
  { x, w, stride, padding, groups }: Geometry,
  out: readonly number[],
): bigint[] {
  const [, C, H, W] = x;
  const [M, perGroup, R, S] = w;
  const [N, , Ho, Wo] = out;
  const sums: bigint[] = [];
  for (let n = 0; n < N; n++)
    for (let m = 0; m < M; m++)
      for (let i = 0; i < Ho; i++)
        for (let j = 0; j < Wo; j++) {
          let sum = 0n;
          for (let c = 0; c < perGroup; c++)
            for (let r = 0; r < R; r++)
              for (let s = 0; s < S; s++) {
                const [row, column] = [i * stride[0] + r - padding[0], j * stride[1] + s - padding[2]];
                if (row < 0 || row >= H || column < 0 || column >= W) continue;
                const channel = Math.floor(m / (M / groups)) * perGroup + c;
                sum += ws[((m * perGroup + c) * R + r) * S + s] * xs[((n * C + channel) * H + row) * W + column];
              }
          sums.push(sum);
        }
  return sums;
}

/** Runs one convolution of packed codes on every engine and compares with what it should give. */
async function compare(
  geometry: Geometry,
  formats: { x: CodeFormat; w: CodeFormat },
  fields: { x: Uint8Array; w: Uint8Array },
): Promise<bigint[]> {
  const { x: xShape, w: wShape, stride, padding, groups } = geometry;
  const options: Conv2dCodesOptions = { ...formats, stride, padding, groups };
  const x: HostTensor = { dtype: "u8", shape: xShape, data: fields.x };
  const w: HostTensor = {
    dtype: `p${formats.w.bits}` as "p1",
    shape: wShape,
    data: packFields(fields.w, formats.w.bits),
  };
  let wanted: bigint[] | undefined;
  for (const [name, engine] of engines) {
    const step = engine.compile((t) => ({ y: conv2dCodes(t.x, t.w, options) }));
    const { y } = await step({ x, w });
    wanted ??= convolve(
      Array.from(fields.x, (field) => integerOf(formats.x, field)),
      Array.from(fields.w, (field) => integerOf(formats.w, field)),
      geometry,
      y.shape,
    );
    const wrong = wanted.filter((sum, i) => BigInt(y.data[i]) !== sum).length;
    violations.wrongSums += wrong;
    if (wrong > 0)
      expect(Array.from(y.data, BigInt), `${name}: ${JSON.stringify({ geometry, formats })}`).toEqual(wanted);
  }
  return wanted ?? [];
}

const drawFields = (random: Random, length: number, { levels }: CodeFormat): Uint8Array => {
  const extreme = random.chance(0.2);
  return Uint8Array.from({ length }, () => (extreme ? random.pick([0, levels - 1]) : random.below(levels)));
};

describe("random small convolutions", () => {
  it.each(widths)(
    "weights of %d bits, with inputs of 1 to 8",
    async (wBits) => {
      const random = createRandom(900 + wBits);
      for (const xBits of widths) {
        for (let i = 0; i < sized(8, 300); i++) {
          const geometry = drawGeometry(random);
          const formats = { x: random.pick(formatsOf(xBits)), w: random.pick(formatsOf(wBits)) };
          const fields = {
            x: drawFields(random, sizeOf(geometry.x), formats.x),
            w: drawFields(random, sizeOf(geometry.w), formats.w),
          };
          const sums = await compare(geometry, formats, fields);
          tried.convolutions++;
          tried.sums += sums.length * engines.size;
        }
      }
    },
    sized(900_000, 3_600_000),
  );
});

/** A product of K codes: one output, no padding. */
const product = (K: number): Geometry => ({
  x: [1, K, 1, 1],
  w: [1, K, 1, 1],
  stride: [1, 1],
  padding: [0, 0, 0, 0],
  groups: 1,
});

/** Whether a plan of K products is let pass. */
function isPlanned(K: number, formats: { x: CodeFormat; w: CodeFormat }): boolean {
  const { x, w } = product(K);
  try {
    conv2dCodes(input("x", x, "u8"), input("w", w, `p${formats.w.bits}` as "p1"), formats);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "LOWBIT_ACCUMULATOR" });
    return false;
  }
}

describe("the bound of sums", () => {
  it("is let pass as far as it fits and refused one product further, for every pair of formats", () => {
    for (const x of widths.flatMap(formatsOf)) {
      for (const w of widths.flatMap(formatsOf)) {
        const largest = largestInteger(x) * largestInteger(w);
        const K = Math.floor((2 ** 31 - 1) / largest);
        if (K < 2 ** 31 - 1 && K > 0 && isPlannable(K)) {
          if (!isPlanned(K, { x, w })) violations.boundsRefused++;
          if (isPlanned(K + 1, { x, w })) violations.overflowsPlanned++;
          tried.boundsChecked++;
        }
      }
    }
    expect(violations).toMatchObject({ boundsRefused: 0, overflowsPlanned: 0 });
  });

  const isPlannable = (K: number): boolean => K < 2 ** 30; // a larger axis is refused as such

  // Integers of a format fit in 16 bits: these are as large as they come.
  const highest: CodeFormat = { kind: "int", bits: 8, offset: 32_767 - 255, step: 1, levels: 256 };
  const lowest: CodeFormat = { kind: "int", bits: 8, offset: -32_768, step: 1, levels: 256 };
  it.each<[string, number, CodeFormat, CodeFormat, bigint]>([
    [
      "uint8 · uint8, 33025 products",
      33_025,
      codeFormat("uint", 0, 255),
      codeFormat("uint", 0, 255),
      33_025n * 255n * 255n,
    ],
    [
      "uint8 · int8, 66311 products",
      66_311,
      codeFormat("uint", 0, 255),
      codeFormat("int", -127, 127),
      66_311n * 255n * 127n,
    ],
    [
      "uint8 · −int8, 66311 products",
      66_311,
      codeFormat("uint", 0, 255),
      codeFormat("int", -127, 127),
      -66_311n * 255n * 127n,
    ],
    [
      "int8 · int8 from −128, 131071 products",
      131_071,
      codeFormat("int", -128, 127),
      codeFormat("int", -128, 127),
      131_071n * 128n * 128n,
    ],
    ["32767 · 32767, twice", 2, highest, highest, 2n * 32_767n ** 2n],
    ["32767 · −32768, twice: −2³¹ + 2¹⁶", 2, highest, lowest, -(2n ** 31n) + 2n ** 16n],
    ["−32768 · −32768: 2³⁰", 1, lowest, lowest, 2n ** 30n],
  ])("%s are summed exactly", async (_, K, x, w, wanted) => {
    const extreme = ({ offset, levels }: CodeFormat, isNegative: boolean): number => {
      const isLowEnd = Math.abs(offset) > Math.abs(offset + levels - 1) || (isNegative && offset < 0);
      return isLowEnd ? 0 : levels - 1;
    };
    const fields = { x: new Uint8Array(K).fill(extreme(x, false)), w: new Uint8Array(K).fill(extreme(w, wanted < 0n)) };
    expect(await compare(product(K), { x, w }, fields)).toEqual([wanted]);
    expect(isPlanned(K + 1, { x, w })).toBe(false);
    tried.extremeSums += engines.size;
  });

  it("−32768 · −32768, twice, is refused: 2³¹ does not fit", () => {
    expect(isPlanned(2, { x: lowest, w: lowest })).toBe(false);
  });

  it.each([32_768 - 255, -32_769])("codes from %d are refused: they do not fit in 16 bits", (offset) => {
    const format: CodeFormat = { ...highest, offset };
    expect(() =>
      conv2dCodes(input("x", [1, 1, 1, 1], "u8"), input("w", [1, 1, 1, 1], "p8"), { x: format, w: format }),
    ).toThrow(expect.objectContaining({ code: "LOWBIT_ARGUMENT" }));
  });

  it("is checked by every operation that multiplies codes into integers", () => {
    const integer = [...operations.values()].filter((op) =>
      op.examples.some(({ shapes, dtypes = [], attributes }) => {
        if (!dtypes.some((dtype) => isPacked(dtype))) return false;
        return (
          buildNode(
            op,
            shapes.map((shape, i) => input(`x${i}`, shape, dtypes[i] ?? "f32")),
            attributes,
          ).dtype === "i32"
        );
      }),
    );
    tried.integerKernels = integer.length;
    expect(integer.map(({ name }) => name)).toEqual(["conv2dCodes"]); // another one wants its bounds above
  });
});

describe("a layer whose sums pass 2²⁴, up to where float32 is exact", () => {
  it.each(["js", "wasm, 2 threads"])("gives the same logits fake quantized and packed on %s", async (name) => {
    const engine = engines.get(name) as Engine;
    const registry = createRegistry(builtIns);
    const model = createModel("mlp", { inputShape: [1, 3, 3], classes: 5, width: 10, seed: 1 });
    for (const variable of model.variables) {
      const isBias = variable.shape.length === 1;
      const data = Float32Array.from({ length: sizeOf(variable.shape) }, (_, i) => (isBias ? 3 : 1) - (i % 7) * 1e-3);
      await engine.write(variable, { dtype: "f32", shape: variable.shape, data });
    }
    const options = {
      precision: "w8a8",
      scheme: registry.scheme("uniform"),
      registry,
      firstLayer: true,
      lastLayer: true,
    };
    const prepared = await prepare(model, options);
    const packed = await convert(prepared, engine);
    const x: HostTensor = {
      dtype: "f32",
      shape: [2, 1, 3, 3],
      data: Float32Array.from({ length: 18 }, (_, i) => 1 + i / 7),
    };
    const logits = async (network: Pick<typeof packed, "forward">): Promise<number[]> => {
      const run = engine.compile((t) => ({ y: network.forward(t.x, { training: false }) }));
      return Array.from((await run({ x })).y.data);
    };
    expect(await logits(packed)).toEqual(await logits(prepared));
  });
});

it("has the figures of reliability.json", () => {
  checkFigures("G9", { tried, violations });
});
