import { describe, it } from "vitest";
import { compareReaders } from "./compare-safetensors-readers.js";

describe("safetensors beside @jax-js/loaders", () => {
  it("means the same tensors to both readers, in 1,000 files", () => compareReaders({ files: 1000, seed: 23 }));
});
