import { describe, expect, it } from "vitest";
import {
  add,
  clip,
  constantOf,
  evaluateByReference,
  greaterEqual,
  input,
  matmul,
  multiply,
  parameter,
  reshape,
  roundHalfEven,
  select,
} from "../../src/index.js";

describe("a graph computed by its references", () => {
  it("gives what its operations say, views and constants among them", () => {
    const x = input("x", [2, 2]);
    const product = matmul(x, constantOf({ dtype: "f32", shape: [2, 1], data: Float32Array.of(1, 10) })); // 21, 43
    const flat = reshape(product, { shape: [2] });
    const y = select(greaterEqual(flat, 30), add(flat, 0.5), multiply(flat, -1));
    const found = evaluateByReference(y, new Map([[x, Float32Array.of(1, 2, 3, 4)]]));
    expect(found).toEqual({ dtype: "f32", shape: [2], data: Float32Array.of(-21, 43.5) });
  });

  it("rounds each operation to float32", () => {
    const x = input("x", [1]);
    const y = add(multiply(x, x), constantOf(-1));
    const value = 1 + 2 ** -20;
    const want = Math.fround(Math.fround(value * value) - 1);
    expect(evaluateByReference(y, new Map([[x, Float32Array.of(value)]])).data[0]).toBe(want);
    expect(want).not.toBe(value * value - 1);
  });

  it("computes a value once that two read", () => {
    const x = input("x", [3]);
    const codes = roundHalfEven(multiply(clip(x, { min: 0, max: 1 }), 3));
    const twice = add(codes, codes);
    expect([...evaluateByReference(twice, new Map([[x, Float32Array.of(-1, 0.5, 2)]])).data]).toEqual([0, 4, 6]);
  });

  it("refuses what only an engine knows", () => {
    expect(() => evaluateByReference(add(input("x", [1]), 1), new Map())).toThrow(/input can't be computed/);
    const w = parameter("w", [1], Float32Array.of(1));
    expect(() => evaluateByReference(multiply(w, 2), new Map())).toThrow(
      /variable can't be computed without an engine/,
    );
  });
});
