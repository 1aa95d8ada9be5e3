import { describe, expect, it } from "vitest";
import { createGpuBackend } from "../../../src/backends/gpu/gpu-backend.js";
import { runNetworks } from "./compare-networks.js";
import { runGpuCases, someGpuCases } from "./gpu-cases.js";

describe.each([
  ["webasm", 4],
  ["cpu", 5],
])("gpu.js in its mode %s", (mode, every) => {
  it("computes as the reference does: whole numbers exactly, float32 closely", { timeout: 600_000 }, async () => {
    const backend = await createGpuBackend({ mode });
    const findings = await runGpuCases(backend, someGpuCases(process.env.LOWBIT_ALL_GPU_CASES ? 1 : every));
    expect(findings.filter(({ difference, mustBeExact }) => difference > (mustBeExact ? 0 : 1e-5))).toEqual([]);
    const networks = await runNetworks(backend);
    await backend.close();
    expect(networks.filter(({ difference }) => difference > 1e-5)).toEqual([]);
    const whole = networks.filter(({ name }) => /sums|joined|classes/.test(name));
    expect(whole.map(({ difference }) => difference)).toEqual(whole.map(() => 0));
    expect(networks.flatMap(({ kernels }) => kernels)).not.toContain("reference");
  });
});
