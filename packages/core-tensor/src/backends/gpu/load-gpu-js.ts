import { BackendError } from "../../graph/errors.js";

/** What this backend uses of gpu.js 2.24; the package itself need not be there to compile or to load ours. */
export interface GpuJs {
  readonly GPU: {
    new (settings: { mode: string }): GpuInstance;
    readonly isWebGL2Supported: boolean;
    readonly isWebAssemblySupported: boolean;
    isWebGPUAvailable(): Promise<boolean>;
  };
}

export interface GpuInstance {
  createKernel(source: string, settings: KernelSettings): GpuJsKernel;
  createPipeline(
    orchestrate: (...values: unknown[]) => readonly unknown[],
    settings: { threads: boolean },
  ): GpuJsPipeline;
  addNativeFunction(name: string, source: string, settings: { returnType: string }): unknown;
  destroy(): Promise<void>;
  /** Of the WebGL modes. */
  readonly context?: { isContextLost?(): boolean } | null;
}

export interface KernelSettings {
  readonly output: readonly [number];
  readonly precision: "single";
  readonly pipeline?: boolean;
  readonly immutable?: boolean;
}

/** Called inside an orchestration it records a launch, elsewhere it runs. */
export type GpuJsKernel = ((...values: unknown[]) => unknown) & {
  destroy(): void;
};

/** Every launch of a program at once: arguments go in, the results come back in one go. */
export type GpuJsPipeline = ((...values: readonly Float32Array[]) => Promise<readonly Float32Array[]>) & {
  /** The mode that really ran; "gpu" is either WebGL. */
  readonly backend: string | null;
  readonly executorKind: string;
  readonly fallbackReason: string | null;
  destroy(): Promise<void>;
};

/** The version that this backend was written for and is tested with. */
const GPU_JS_VERSION = "2.24.1";

/**
 * gpu.js, where it is installed: an optional peer that nothing of ours installs.
 *
 * @throws {BackendError} when it is not there; says how to install it without a native build
 */
export async function loadGpuJs(): Promise<GpuJs> {
  try {
    const module = (await import("gpu.js")) as unknown as { default?: unknown; GPU?: unknown };
    const found = (module.GPU ? module : module.default) as GpuJs | undefined;
    if (typeof found?.GPU !== "function") throw new Error("it exports no GPU");
    return found;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0].slice(0, 120) : String(cause);
    throw new BackendError(`the gpu backend needs the package gpu.js, and it can't be loaded here: ${reason}`, {
      want: `gpu.js ${GPU_JS_VERSION}`,
      got: reason,
      hint: `npm install gpu.js@${GPU_JS_VERSION} --omit=optional    (its optional dependency gl would run a native build)`,
      cause,
    });
  }
}
