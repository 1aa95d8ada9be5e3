import { expect, it, vi } from "vitest";
import { createEngine } from "../../../src/engine/create-engine.js";

vi.mock("gpu.js", () => {
  throw new Error("Cannot find package 'gpu.js'");
});

it("is refused with the install command where gpu.js is missing", async () => {
  await expect(createEngine({ backend: "gpu" })).rejects.toMatchObject({
    code: "LOWBIT_BACKEND",
    hint: expect.stringContaining("npm install gpu.js@2.24.1 --omit=optional"),
  });
});
