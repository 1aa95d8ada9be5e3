import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGpuBackend } from "../../../src/backends/gpu/gpu-backend.js";
import type { OpDeclaration, Values } from "../../../src/graph/define-op.js";
import { bytesOf, isPacked } from "../../../src/graph/dtype.js";
import { elementsOf } from "../../../src/graph/shape.js";
import { operations } from "../../../src/ops/operations.js";
import type { Backend } from "../../../src/plan/backend.js";
import { difference, f32, numbers, referenceOf, runCall, specify, values } from "../wasm/run-call.js";

const backends: Backend[] = [];
beforeAll(async () => {
  for (const mode of ["webasm", "cpu"]) backends.push(await createGpuBackend({ mode }));
}, 60_000);
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

function exampleInputs(op: OpDeclaration): Values[][] {
  return op.examples.map(({ shapes, dtypes = [], range = [-2, 2] }, index) =>
    shapes.map((shape, i) => {
      const dtype = dtypes[i] ?? "f32";
      if (dtype === "f32") return f32(shape, 10 * index + i, range);
      const count = isPacked(dtype) ? bytesOf(dtype, elementsOf(shape)) : elementsOf(shape);
      const data = Array.from(numbers(count, i + 3, [0, isPacked(dtype) ? 256 : 3]), Math.floor);
      return values(shape, dtype === "i32" ? Int32Array.from(data) : Uint8Array.from(data), dtype);
    }),
  );
}

describe("every operation's examples", () => {
  for (const op of operations.values()) {
    if (!op.reference || op.elementwise) continue;
    exampleInputs(op).forEach((inputs, index) => {
      it(`${op.name}, example ${index}`, async () => {
        const specification = specify(op, inputs, op.examples[index].attributes);
        const expected = referenceOf(specification);
        for (const backend of backends) {
          const { outputs, kernel, reason } = await runCall(backend, specification);
          expect(difference(outputs[0], expected), `${backend.build}: ${kernel}, ${reason}`).toBeLessThan(2e-6);
          if (specification.outputs[0].dtype !== "f32") expect(outputs[0]).toEqual(expected);
        }
      });
    });
  }
});
