import { afterAll, describe, expect, it } from "vitest";
import {
  buildNode,
  bytesOf,
  createEngine,
  type HostTensor,
  input,
  isPacked,
  LowbitError,
  type OpDeclaration,
  operations,
  type Tensor,
} from "../../src/index.js";
import { randomNumbers } from "../oracles/random-values.js";
import { type NastyCase, nastyCases, nastyValues } from "./nasty-cases.js";

// Goal G10: whatever an operation is given, it answers as the reference does, or refuses with a typed error before it
// computes. The table is made from the declarations, so an operation is covered the day it is declared.

const js = await createEngine({ backend: "js" });
const wasm = await createEngine({ backend: "wasm", threads: 1 });
afterAll(() => Promise.all([js.close(), wasm.close()]));

const LARGEST_RUN = 20_000; // elements: larger results are built, which is what may fail, but not computed

/** An operation of several roundings may overflow on the way where float64 does not: it gets numbers with squares in range. */
const largestFor = (op: OpDeclaration) => (op.elementwise ? 3.4e38 : 1e12);

function nastyTensor(random: () => number, { shape, dtype }: Tensor, largest: number, fill?: number): HostTensor {
  const elements = shape.reduce((product, size) => product * size, 1);
  const pick = () => {
    const value = fill ?? nastyValues[Math.floor(random() * nastyValues.length)];
    return Number.isFinite(value) ? Math.max(-largest, Math.min(largest, value)) : value;
  };
  if (dtype === "f32") return { dtype, shape, data: Float32Array.from({ length: elements }, pick) };
  if (dtype === "i32")
    return { dtype, shape, data: Int32Array.from({ length: elements }, () => (random() < 0.2 ? -(2 ** 31) : 1)) };
  return { dtype, shape, data: new Uint8Array(isPacked(dtype) ? bytesOf(dtype, elements) : elements).fill(1) };
}

const sizeOf = (tensor: Tensor) => tensor.shape.reduce((product, size) => product * size, 1);

/** Runs one case; tells what happened, throws what should not have. */
async function survive(
  op: OpDeclaration,
  example: NastyCase,
  random: () => number,
): Promise<"refused" | "agrees" | "large"> {
  let node: Tensor;
  try {
    const inputs = example.shapes.map((shape, i) => input(`x${i}`, shape, example.dtypes?.[i] ?? "f32"));
    node = buildNode(op, inputs, example.attributes);
  } catch (error) {
    if (error instanceof LowbitError) return "refused";
    throw error;
  }
  if ([node, ...node.inputs].some((tensor) => sizeOf(tensor) > LARGEST_RUN)) return "large";
  const values = Object.fromEntries(
    node.inputs.map((tensor, i) => [`x${i}`, nastyTensor(random, tensor, largestFor(op), example.fill)]),
  );
  const build = (tensors: Record<string, Tensor>) => ({ y: buildNode(op, Object.values(tensors), example.attributes) });
  const [a, b] = [await js.compile(build)(values), await wasm.compile(build)(values)];
  expect(b.y.shape).toEqual(a.y.shape);
  a.y.data.forEach((value, i) => {
    const other = b.y.data[i];
    const close =
      Object.is(value, other) || value === other || Math.abs(value - other) <= 1e-4 * Math.max(1, Math.abs(value));
    const overflowed = !Number.isFinite(value) && !Number.isFinite(other); // sums in float32 may overflow on the way
    const nearLargest = Math.abs(value) > 1e37 || Math.abs(other) > 1e37;
    expect(
      close || overflowed || nearLargest,
      `${op.name} ${JSON.stringify(example)} at ${i}: ${value} and ${other}`,
    ).toBe(true);
  });
  return "agrees";
}

describe("nasty inputs", () => {
  it.each([...operations.values()].map((op) => [op.name, op] as const))("%s", async (_, op) => {
    const random = randomNumbers(13);
    const outcomes: string[] = [];
    for (const example of nastyCases(op)) outcomes.push(await survive(op, example, random));
    expect(outcomes.length).toBeGreaterThanOrEqual(40);
    expect(outcomes).toContain("refused");
    expect(outcomes).toContain("agrees");
  });
});
