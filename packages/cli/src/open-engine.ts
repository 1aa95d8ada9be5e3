import { BackendError, ConfigurationError, createEngine, type Engine, type GpuMode } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";

/** Where a verb computes, as its options say. */
export interface EngineChoice {
  readonly backend: string;
  readonly threads: number | undefined;
  readonly build: string | undefined;
}

/** After the colon, what gpu.js computes with. */
const backends = ["wasm", "js", "gpu", "gpu:webgpu", "gpu:webgl2", "gpu:webasm", "gpu:cpu"] as const;
const builds = ["portable", "relaxed", "fastest"] as const;

/**
 * Starts the engine that was asked for.
 *
 * @param purpose  training takes the portable build, the same bits everywhere, and inference the fastest one, unless one was named
 * @throws {BackendError} when the backend is unknown or does not work here
 */
export async function openEngine(choice: EngineChoice, purpose: "training" | "inference"): Promise<Engine> {
  const backend = backends.find((name) => name === choice.backend);
  if (backend === undefined) {
    const near = didYouMean(choice.backend, backends);
    throw new BackendError(`there is no backend ${JSON.stringify(choice.backend)}`, {
      where: "--backend",
      want: backends.join(", "),
      got: choice.backend,
      hint: near === undefined ? "lowbit doctor tells what works here" : `did you mean ${near}?`,
    });
  }
  const wanted = choice.build ?? (purpose === "training" ? "portable" : "fastest");
  const build = builds.find((name) => name === wanted);
  if (build === undefined)
    throw new ConfigurationError(`there is no build ${JSON.stringify(wanted)}`, { want: builds.join(", ") });
  if (purpose === "training" && backend.startsWith("gpu")) {
    throw new BackendError("the gpu backend computes inference alone: it neither trains nor converts", {
      where: "--backend",
      want: "wasm or js",
      got: backend,
      hint: "eval, predict, inspect and sample take --backend gpu",
    });
  }
  const [name, gpuMode] = backend.split(":") as ["wasm" | "js" | "gpu", GpuMode | undefined];
  return createEngine({ backend: name, gpuMode, threads: choice.threads, build });
}
