import { type Build, whyNotRelaxed } from "../../../src/backends/wasm/load-kernels.js";
import { createWasmBackend, type WasmBackendOptions } from "../../../src/backends/wasm/wasm-backend.js";
import type { Backend } from "../../../src/plan/backend.js";

/** Builds that work on this engine. */
export const availableBuilds: readonly Build[] =
  (await whyNotRelaxed()) === undefined ? ["portable", "relaxed"] : ["portable"];

/** For each build that works here, a backend for each number of threads: they must agree to the last bit within a build. */
export async function createBackends(threads: readonly number[], options: WasmBackendOptions = {}): Promise<Backend[]> {
  const made: Backend[] = [];
  for (const build of availableBuilds)
    for (const each of threads) made.push(await createWasmBackend({ ...options, threads: each, build }));
  return made;
}
