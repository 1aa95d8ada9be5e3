import { expect, it } from "vitest";
import { modelWorkload } from "../src/model-workload.js";

it("a product of a network keeps its shape: rows of activations, filters, window", () => {
  const workload = modelWorkload({ model: "mlp", width: 2 }, "fp32", { wDensity: 1, aDensity: 0.5 });
  const sizes = workload.layers.map((layer) => layer.type === "gemm" && [layer.name, layer.M, layer.N, layer.K]);
  expect(sizes).toEqual([
    ["fc1", 1, 128, 784],
    ["fc2", 1, 128, 128],
    ["classifier", 1, 10, 128],
  ]);
  expect(workload.layers.map(({ aDensity }) => aDensity)).toEqual([1, 0.5, 0.5]); // the images have no zeros
});
