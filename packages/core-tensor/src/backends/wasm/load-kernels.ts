import { BackendError } from "../../graph/errors.js";

/** What the modules made of assembly/index.ts export. */
export interface KernelExports {
  runAlone(program: number, state: number, scratch: number, deadline: number): number;
  runTogether(program: number, sync: number, threads: number, scratch: number): number;
  copyBytes(to: number, from: number, bytes: number): void;
  hasNonFinite(pointer: number, count: number): number;
  probeMultiplyAdd(x: number, y: number): number;
  probeByteDot(a: number, b: number): number;
  probeShortDot(a: number, b: number): number;
  probeSwizzle(index: number): number;
}

export type Build = "portable" | "relaxed";

const sources = {
  "portable-unshared": () => import("./generated/portable-unshared.js"),
  "portable-shared": () => import("./generated/portable-shared.js"),
  "relaxed-unshared": () => import("./generated/relaxed-unshared.js"),
  "relaxed-shared": () => import("./generated/relaxed-shared.js"),
};

/** Compiles one build; throws BackendError where the engine can't. */
export async function compileKernels(build: Build, isShared: boolean): Promise<WebAssembly.Module> {
  const { kernels } = await sources[`${build}-${isShared ? "shared" : "unshared"}`]();
  const bytes = Uint8Array.from(atob(kernels), (letter) => letter.charCodeAt(0));
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new BackendError(`this engine can't compile the ${build} build of the wasm backend`, {
      want: build === "relaxed" ? "WebAssembly with relaxed SIMD: Node 22 or newer" : "WebAssembly with SIMD",
      cause,
    });
  }
}

export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  const imports = { env: { memory, now: () => performance.now(), wait: () => {} } }; // only threads of the pool wait
  return new WebAssembly.Instance(module, imports).exports as unknown as KernelExports;
}

/** Engines that are known to compute relaxed SIMD wrongly behind a flag: Node before 22. */
function isKnownToFail(): boolean {
  const version = typeof process === "undefined" ? undefined : process.versions?.node;
  return version !== undefined && Number.parseInt(version, 10) < 22;
}

/** Long enough for the optimising compiler to have had its turn. */
const PROBES = 2000;

/** Why the relaxed build does not work here, undefined where it does: asks the engine to compute, not what it claims. */
export async function whyNotRelaxed(): Promise<string | undefined> {
  if (isKnownToFail()) return "relaxed SIMD works from Node 22 on";
  try {
    const module = await compileKernels("relaxed", false);
    const kernels = instantiateKernels(module, new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
    for (let i = 0; i < PROBES; i++) {
      const fused = kernels.probeMultiplyAdd(1 + 2 ** -12, -(1 + 2 ** -11));
      if (fused !== 1)
        return fused === 0 ? "this engine rounds a · b + c twice" : "a probe of a · b + c gave a wrong result";
      const index = i & 15;
      if (kernels.probeSwizzle(index) !== index + 1 || kernels.probeSwizzle(0x80) !== 0)
        return "a probe of relaxed swizzle gave a wrong result";
    }
    return undefined;
  } catch {
    return "this engine has no relaxed SIMD";
  }
}
