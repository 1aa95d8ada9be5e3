import { createGpuBackend } from "../../../src/backends/gpu/gpu-backend.js";
import { runNetworks } from "./compare-networks.js";
import { type GpuFinding, runGpuCases, someGpuCases } from "./gpu-cases.js";

/** What the test calls inside the page: one in `every` of the cases, and whole networks. */
export type CheckGpu = (
  mode: string | undefined,
  every: number,
) => Promise<{
  readonly build: string;
  readonly findings: readonly GpuFinding[];
  readonly networks: Awaited<ReturnType<typeof runNetworks>>;
}>;

const checkGpu: CheckGpu = async (mode, every) => {
  const backend = await createGpuBackend({ mode });
  const findings = await runGpuCases(backend, someGpuCases(every));
  const networks = await runNetworks(backend);
  await backend.close();
  return { build: backend.build, findings, networks };
};

Object.assign(globalThis, { checkGpu });
