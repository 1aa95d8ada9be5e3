import type { GpuMode } from "../backends/gpu/gpu-mode.js";
import { JsBackend } from "../backends/js/js-backend.js";
import type { HostTensor } from "../graph/dtype.js";
import { BackendError } from "../graph/errors.js";
import type { Tensor } from "../graph/tensor.js";
import { Engine, type EngineOptions } from "./engine.js";

export interface CreateEngineOptions extends EngineOptions {
  /** "wasm", the fast default, "js", the reference, or "gpu", which needs the package gpu.js. */
  readonly backend?: "js" | "wasm" | "gpu";
  /** What gpu.js computes with: "webgpu", "webgl2", "webasm", "cpu"; the first of the first three that works here where absent. */
  readonly gpuMode?: GpuMode;
  /** Worker threads of the wasm backend; the processors of this machine, at most 8, where absent. */
  readonly threads?: number;
  /** Which kernels: "portable" gives the same bits on every machine, "fastest" takes what this one does best. */
  readonly build?: "portable" | "relaxed" | "fastest";
  /**
   * The wasm backend alone: Winograd's convolution where nothing is trained, about 1.5 times as fast for 3 × 3 taps. Rounding grows
   * with the largest values around an output: |error| ≤ 81 · (C + 10) · 2⁻²⁴ · Σ_c max|w[m, c]| · max|x[c]|. Never used for codes.
   */
  readonly winograd?: boolean;
  /** The js backend alone: "f64" keeps f32 values in float64. */
  readonly float?: "f32" | "f64";
}

/**
 * An engine on a backend that works here.
 *
 * @throws {BackendError} when the backend that was named is missing or broken here
 */
export async function createEngine(options: CreateEngineOptions = {}): Promise<Engine> {
  const { backend = "wasm", threads, build = "portable", float = "f32", memoryLimit, winograd, gpuMode } = options;
  if (backend === "js") return new Engine(new JsBackend(float), { memoryLimit });
  if (backend === "wasm") {
    const { createWasmBackend } = await import("../backends/wasm/wasm-backend.js");
    return new Engine(await createWasmBackend({ threads, build, maxBytes: memoryLimit, winograd }), { memoryLimit });
  }
  if (backend === "gpu") {
    const { createGpuBackend } = await import("../backends/gpu/gpu-backend.js");
    return new Engine(await createGpuBackend({ mode: gpuMode, threads }), { memoryLimit });
  }
  throw new BackendError(`there is no backend "${backend}"`, { want: "js, wasm or gpu", got: backend });
}

let shared: Promise<Engine> | undefined;

/** Computes a tensor that depends on no input, on a one-thread engine shared by all such calls. */
export async function evaluate(tensor: Tensor): Promise<HostTensor> {
  shared ??= createEngine({ threads: 1 });
  const [value] = await (await shared).evaluate([tensor]);
  return value;
}
