import type { OpDeclaration } from "../../graph/define-op.js";
import { bytesOf, type Dtype } from "../../graph/dtype.js";
import type { Backend, LoadedProgram } from "../../plan/backend.js";
import type { Program } from "../../plan/program.js";
import { JsBackend } from "../js/js-backend.js";
import { openGpu, type SharedGpu } from "./gpu-mode.js";
import { GpuProgram } from "./gpu-program.js";
import { isFusible } from "./kernels/fused-elementwise.js";

export interface GpuBackendOptions {
  /** "webgpu", "webgl2", "webasm" or "cpu"; the first of the first three that works here where absent. */
  readonly mode?: string;
  /** More than 1: the mode webasm computes on all processors. No other mode has threads to count. */
  readonly threads?: number;
}

/**
 * The gpu.js backend. A program is translated to launches of gpu.js kernels that hand values on inside the device; inputs go there once
 * a run, results come back once. Values on the device are float32 whatever their dtype: whole numbers are exact to 2²⁴.
 *
 * @throws {BackendError} when gpu.js or the named mode is missing here
 */
export async function createGpuBackend(options: GpuBackendOptions = {}): Promise<Backend> {
  return new GpuBackend(await openGpu(options.mode), options.threads ?? 1);
}

/** Keeps host memory as the reference does, which computes what the device can't; programs run on the device. */
class GpuBackend implements Backend {
  readonly name = "gpu";
  readonly build: string;
  private readonly host = new JsBackend();

  constructor(
    private readonly shared: SharedGpu,
    readonly threads: number,
  ) {
    this.build = shared.mode;
  }

  bytesOf(dtype: Dtype, elements: number): number {
    return bytesOf(dtype, elements);
  }

  fuses(op: OpDeclaration): boolean {
    return isFusible(op);
  }

  workspaceBytes(): number {
    return 0;
  }

  allocate(bytes: number): number {
    return this.host.allocate(bytes);
  }

  free(offset: number, bytes: number): void {
    this.host.free(offset, bytes);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.host.write(offset, bytes);
  }

  read(offset: number, bytes: number, into?: Uint8Array): Uint8Array {
    return this.host.read(offset, bytes, into);
  }

  load(program: Program, scratchOffset: number): LoadedProgram {
    return new GpuProgram(this.shared, this.host, program, scratchOffset, this.threads);
  }

  memoryBytes(): number {
    return this.host.memoryBytes();
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.shared.release();
  }
}
