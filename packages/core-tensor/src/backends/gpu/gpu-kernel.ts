import { elementsOf } from "../../graph/shape.js";
import type { Call } from "../../plan/program.js";
import type { GpuMode } from "./gpu-mode.js";
import type { DeviceValue, Launches } from "./launches.js";

export type GpuCall = Pick<Call, "op" | "attributes" | "inputs" | "outputs">;

/** The gpu.js form of one operation. */
export interface GpuKernel {
  /** Name of the operation. */
  readonly op: string;
  /** true, or why this call goes to the reference, and with it all that reads its result. */
  supports(call: GpuCall, mode: GpuMode): true | string;
  /** Adds launches that make every output of the call. */
  emit(call: GpuCall, inputs: readonly DeviceValue[], launches: Launches): readonly DeviceValue[];
  /** As `explain()` and `inspect` show it: "conv2d-gpu". */
  name(call: GpuCall, mode: GpuMode): string;
  /** Why this form and no other, where the kernel has several. */
  reason?(call: GpuCall, mode: GpuMode): string;
}

type Definition = Omit<GpuKernel, "supports" | "name"> & Partial<Pick<GpuKernel, "supports" | "name">>;

/** Whole numbers beyond this are not exact in float32, and gpu.js computes indices in it. */
const MOST_ELEMENTS = 2 ** 24;

/** A kernel takes every call with values of bounded size, unless it says otherwise. */
export function defineGpuKernel(definition: Definition): GpuKernel {
  return {
    name: ({ op }) => `${op.name}-gpu`,
    ...definition,
    supports: (call, mode) => {
      const sizes = [...call.inputs, ...call.outputs].map(({ shape }) => elementsOf(shape));
      if (sizes.includes(0)) return "gpu.js has no arrays without elements";
      if (Math.max(...sizes) > MOST_ELEMENTS) return "gpu.js counts elements in float32: 2²⁴ at most";
      return definition.supports?.(call, mode) ?? true;
    },
  };
}

/** A kernel of one launch: a thread for each element of the only output. */
export function defineElementKernel(
  op: string,
  parameters: readonly string[],
  body: (call: GpuCall) => string,
  supports?: GpuKernel["supports"],
): GpuKernel {
  return defineGpuKernel({
    op,
    supports,
    emit: (call, inputs, launches) => {
      const named = Object.fromEntries(parameters.map((parameter, index) => [parameter, inputs[index]]));
      return [launches.add(elementsOf(call.outputs[0].shape), named, body(call))];
    },
  });
}
