import { describe, expect, it } from "vitest";
import { createEngine, multiply, parameter, Variable } from "../../src/index.js";

describe("a variable with lazy initial values", () => {
  it("makes them once, when they are first needed", async () => {
    let calls = 0;
    const w = parameter("w", [2, 3], () => {
      calls++;
      return Float32Array.of(1, 2, 3, 4, 5, 6);
    });
    expect(multiply(w, 2).shape).toEqual([2, 3]);
    expect(calls).toBe(0);
    const engine = await createEngine({ backend: "js" });
    expect([...(await engine.read(w)).data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(w.initial).toBe(w.initial);
    expect(calls).toBe(1);
    await engine.close();
  });

  it("may be larger than any memory while only its graph is read", () => {
    const make = () => {
      throw new Error("nobody asked for them");
    };
    expect(parameter("huge", [65536, 65536], make).tensor.shape).toEqual([65536, 65536]);
  });

  it("refuses an impossible shape at once, and values that do not fit it when they are made", () => {
    expect(() => parameter("w", [-1], () => new Float32Array(1))).toThrow("whole numbers");
    const short = parameter("w", [2, 2], () => new Float32Array(3));
    expect(() => short.initial).toThrow('variable "w"');
    expect(() => parameter("w", [2, 2], new Float32Array(3))).toThrow('variable "w"');
    const wrong = new Variable({ name: "n", initial: { dtype: "i32", shape: [1], data: () => new Float32Array(1) } });
    expect(() => wrong.initial).toThrow("can't hold Float32Array");
  });
});
