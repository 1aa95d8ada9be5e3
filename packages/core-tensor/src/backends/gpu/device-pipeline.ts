import { BackendError } from "../../graph/errors.js";
import type { SharedGpu } from "./gpu-mode.js";
import type { DeviceValue, Launch } from "./launches.js";
import type { GpuJsKernel } from "./load-gpu-js.js";

/** The launches of a program as gpu.js runs them: one upload of the arguments, one read-back of the results. */
export interface DevicePipeline {
  run(values: readonly Float32Array[]): Promise<readonly Float32Array[]>;
  dispose(): void;
}

/** What gpu.js calls the modes when it tells which one ran. */
const RAN_AS = { webgpu: "webgpu", webgl2: "gpu", webasm: "webasm", cpu: "cpu" } as const;

/** What remains when a device is gone. */
const LEFT = "make another engine, or take the backend wasm, which needs no device";

/**
 * @param returned  launches whose results are wanted
 * @param count     arrays that each run brings
 * @throws {BackendError} from `run`, when the device is lost, gpu.js fails or leaves the mode
 */
export function startPipeline(
  { gpu, mode, isLost }: SharedGpu,
  launches: readonly Launch[],
  returned: readonly number[],
  count: number,
  threads: number,
): DevicePipeline {
  const kernels = new Map<string, GpuJsKernel>();
  const constants = new Map<Float32Array, unknown>();
  const owned: GpuJsKernel[] = [];

  const kernelOf = ({ source, length }: Launch): GpuJsKernel => {
    const key = `${length}\n${source}`;
    const kernel = kernels.get(key) ?? gpu.createKernel(source, { output: [length], precision: "single" });
    kernels.set(key, kernel);
    return kernel;
  };
  /** WebGL would upload a plain array in every run: there a texture is made of it once. */
  const constantOf = (data: Float32Array): unknown => {
    const known = constants.get(data);
    if (known !== undefined) return known;
    let value: unknown = data;
    if (mode === "webgl2") {
      const upload = gpu.createKernel("function (x) { return x[this.thread.x]; }", {
        ...{ output: [data.length], precision: "single", pipeline: true, immutable: true },
      });
      owned.push(upload);
      value = upload(data);
    }
    constants.set(data, value);
    return value;
  };
  const orchestrate = (...args: unknown[]): readonly unknown[] => {
    const results: unknown[] = [];
    const resolve = (value: DeviceValue): unknown => {
      if (value.kind === "launch") return results[value.launch];
      return value.kind === "argument" ? args[value.argument] : constantOf(value.data);
    };
    for (const launch of launches) results.push(kernelOf(launch)(...launch.inputs.map(resolve)));
    return returned.map((launch) => results[launch]);
  };
  Object.defineProperty(orchestrate, "length", { value: count }); // gpu.js makes as many handles

  const pipeline = gpu.createPipeline(orchestrate, { threads: threads > 1 });
  return {
    run: async (values) => {
      const results = await pipeline(...values).catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new BackendError(`gpu.js failed in its mode ${mode}: ${reason}`, { hint: LEFT, cause });
      });
      if (isLost()) throw new BackendError(`the ${mode} device was lost; nothing was computed`, { hint: LEFT });
      if (pipeline.backend !== RAN_AS[mode]) {
        throw new BackendError(`gpu.js left its mode ${mode} and computed on ${pipeline.backend}`, {
          got: pipeline.fallbackReason,
          hint: LEFT,
        });
      }
      return results;
    },
    dispose: () => {
      void pipeline.destroy();
      for (const kernel of [...kernels.values(), ...owned]) kernel.destroy();
    },
  };
}
