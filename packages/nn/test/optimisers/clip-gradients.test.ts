import { createEngine, grad, multiply, parameter, sum } from "@lowbit/core-tensor";
import { afterAll, expect, it } from "vitest";
import { clipGradients, sgd } from "../../src/index.js";

const engine = await createEngine({ backend: "js", float: "f64" });
afterAll(() => engine.close());

/** What a step with the gradients (3, 0) and 4, of norm 5, and learning rate 1 takes from parameters that are 0. */
async function stepWith(norm: number): Promise<number[]> {
  const [a, b] = [parameter("a", [2], new Float32Array(2)), parameter("b", [1], new Float32Array(1))];
  const update = clipGradients(sgd(), { norm }).forParameters([a, b]);
  const factors = { dtype: "f32", shape: [2], data: Float32Array.of(3, 0) } as const;
  const step = engine.compile(({ rate, x }) => {
    update.update([grad(sum(multiply(a, x)), [a])[0], grad(multiply(sum(b), 4), [b])[0]], rate);
    return { rate };
  });
  await step({ rate: { dtype: "f32", shape: [], data: Float32Array.of(1) }, x: factors });
  return [...(await engine.read(a)).data, ...(await engine.read(b)).data].map((value) => value + 0); // −0 is 0
}

it("shortens gradients of all parameters together to the norm, and leaves shorter ones alone", async () => {
  expect(await stepWith(2.5)).toEqual([-1.5, 0, -2]);
  expect(await stepWith(5)).toEqual([-3, 0, -4]);
  expect(await stepWith(100)).toEqual([-3, 0, -4]);
});

it("is part of what a run is", () => expect(clipGradients(sgd(), { norm: 2 }).options).toMatchObject({ clipNorm: 2 }));

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("clips to no norm of %d", (norm) =>
  expect(() => clipGradients(sgd(), { norm })).toThrow(/norm of/),
);
