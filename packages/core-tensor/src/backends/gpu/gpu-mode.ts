import { ArgumentError, BackendError } from "../../graph/errors.js";
import { type GpuInstance, type GpuJs, loadGpuJs } from "./load-gpu-js.js";

/** What gpu.js computes with. The first three are tried in this order; cpu, plain JavaScript, only when asked for. */
export const gpuModes = ["webgpu", "webgl2", "webasm", "cpu"] as const;
export type GpuMode = (typeof gpuModes)[number];

/** undefined where a mode works, else why it does not. gpu.js' own `isGPUSupported` is true in Node and proves nothing. */
async function whyNot({ GPU }: GpuJs, mode: GpuMode): Promise<string | undefined> {
  if (mode === "webgpu") return (await GPU.isWebGPUAvailable()) ? undefined : "no WebGPU adapter answers here";
  if (mode === "webgl2") return GPU.isWebGL2Supported ? undefined : "there is no WebGL2 context here";
  if (mode === "webasm") return GPU.isWebAssemblySupported ? undefined : "there is no WebAssembly here";
  return undefined;
}

/** Bit counts that GLSL can express and gpu.js can't: its own & walks through the bits in a loop there. */
const POPCOUNT_AND = `float popcountAnd(float a, float b) {
  int v = int(a) & int(b);
  v = v - ((v >> 1) & 21845);
  v = (v & 13107) + ((v >> 2) & 13107);
  v = (v + (v >> 4)) & 3855;
  return float((v + (v >> 8)) & 31);
}`;

/** One gpu.js for all engines of a mode: browsers allow few WebGL contexts. */
const shared = new Map<GpuMode, { readonly gpu: GpuInstance; users: number }>();

export interface SharedGpu {
  readonly mode: GpuMode;
  readonly gpu: GpuInstance;
  /** Whether the driver has taken the device away; what is computed then is no result. */
  isLost(): boolean;
  /** Gives this use back; the last one ends the instance. */
  release(): Promise<void>;
}

/**
 * An instance of gpu.js in the mode that was named, or else in the best that works here.
 *
 * @throws {BackendError} when gpu.js or the named mode is missing here
 */
export async function openGpu(wanted?: string): Promise<SharedGpu> {
  const named = gpuModes.find((mode) => mode === wanted);
  if (wanted !== undefined && named === undefined) {
    throw new ArgumentError(`gpu.js has no mode ${JSON.stringify(wanted)}`, {
      want: gpuModes.join(", "),
      got: wanted,
    });
  }
  const gpuJs = await loadGpuJs();
  const reasons: string[] = [];
  for (const mode of named ? [named] : gpuModes.slice(0, 3)) {
    const reason = await whyNot(gpuJs, mode);
    if (reason === undefined) return share(gpuJs, mode);
    reasons.push(named ? reason : `${mode}: ${reason}`);
  }
  throw new BackendError(`gpu.js can't compute here in ${named ? `the mode ${named}` : "any of its modes"}`, {
    got: reasons.join("; "),
    where: reasons.join("; "),
    hint: "lowbit doctor tells which modes work here; the backend wasm works everywhere",
  });
}

function share({ GPU }: GpuJs, mode: GpuMode): SharedGpu {
  const isLost = (gpu: GpuInstance): boolean => gpu.context?.isContextLost?.() ?? false;
  const known = shared.get(mode);
  const entry = known && !isLost(known.gpu) ? known : { gpu: new GPU({ mode }), users: 0 };
  if (entry.users === 0 && mode === "webgl2") {
    entry.gpu.addNativeFunction("popcountAnd", POPCOUNT_AND, { returnType: "Number" });
  }
  entry.users++;
  shared.set(mode, entry);
  return {
    mode,
    gpu: entry.gpu,
    isLost: () => isLost(entry.gpu),
    release: async () => {
      if (--entry.users > 0) return;
      if (shared.get(mode) === entry) shared.delete(mode);
      await entry.gpu.destroy();
    },
  };
}
