import { createGpuBackend } from "../../../src/backends/gpu/gpu-backend.js";
import { createEngine } from "../../../src/engine/create-engine.js";
import type { Tensors } from "../../../src/engine/engine.js";
import type { HostTensor } from "../../../src/graph/dtype.js";
import { multiply } from "../../../src/ops/arithmetic.js";
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

/** The code of the error that a run gives after the WebGL context is lost, and whether a new engine computes again. */
export type LoseContext = () => Promise<{ readonly code: string; readonly goesOn: boolean }>;

const loseContext: LoseContext = async () => {
  const getContext = HTMLCanvasElement.prototype.getContext;
  const contexts: { getExtension(name: string): { loseContext(): void } | null }[] = [];
  HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...args: never[]) {
    const context = getContext.apply(this, args as never);
    contexts.push(context as never);
    return context;
  } as never;
  const x = { dtype: "f32" as const, shape: [4], data: Float32Array.of(1, 2, 3, 4) };
  const start = async () => {
    const engine = await createEngine({ backend: "gpu", gpuMode: "webgl2" });
    return { engine, double: engine.compile<{ x: HostTensor }, Tensors>(({ x }) => ({ y: multiply(x, 2) })) };
  };
  const first = await start();
  await first.double({ x });
  for (const context of contexts) context?.getExtension("WEBGL_lose_context")?.loseContext();
  const code = await first.double({ x }).then(
    () => "no error",
    (error) => error.code,
  );
  const second = await start();
  const { y } = await second.double({ x });
  await second.engine.close();
  await first.engine.close();
  return { code, goesOn: y.data.join() === "2,4,6,8" };
};

Object.assign(globalThis, { checkGpu, loseContext });
