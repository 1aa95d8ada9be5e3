import type { Values } from "../../graph/define-op.js";
import { bytesOf, type Dtype, type HostArray, isPacked } from "../../graph/dtype.js";
import { elementsOf } from "../../graph/shape.js";
import type { Backend, LoadedProgram } from "../../plan/backend.js";
import { fusedElementwise } from "../../plan/fuse-elementwise.js";
import type { Buffer, Call, Program } from "../../plan/program.js";
import { yieldToEventLoop } from "../../plan/yield-to-event-loop.js";
import { runFusedSteps } from "./fused-steps.js";

const LONGEST_BLOCK_MS = 50;
const ALIGNMENT = 64;

/**
 * The reference backend: runs the references of src/ops in order, one thread, nothing cleverer. With `float: "f64"` it
 * keeps f32 values in float64, for tests of gradients.
 */
export class JsBackend implements Backend {
  readonly name = "js";
  readonly build: string;
  readonly threads = 1;
  private memory = new ArrayBuffer(0);
  private used = 0;
  private readonly freed: { offset: number; bytes: number }[] = [];

  constructor(readonly float: "f32" | "f64" = "f32") {
    this.build = float === "f64" ? "reference-f64" : "reference";
  }

  bytesOf(dtype: Dtype, elements: number): number {
    return dtype === "f32" && this.float === "f64" ? elements * 8 : bytesOf(dtype, elements);
  }

  fuses(): boolean {
    return false;
  }

  workspaceBytes(): number {
    return 0;
  }

  allocate(bytes: number): number {
    const size = Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT;
    const reusable = this.freed.findIndex((hole) => hole.bytes === size);
    if (reusable >= 0) return this.freed.splice(reusable, 1)[0].offset;
    const offset = this.used;
    this.used += size;
    if (this.used > this.memory.byteLength) {
      const grown = new ArrayBuffer(Math.max(this.used, this.memory.byteLength * 1.5));
      new Uint8Array(grown).set(new Uint8Array(this.memory));
      this.memory = grown;
    }
    return offset;
  }

  free(offset: number, bytes: number): void {
    this.freed.push({ offset, bytes: Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT });
  }

  write(offset: number, bytes: Uint8Array): void {
    new Uint8Array(this.memory, offset, bytes.length).set(bytes);
  }

  read(offset: number, bytes: number, into: Uint8Array = new Uint8Array(bytes)): Uint8Array {
    into.set(new Uint8Array(this.memory, offset, bytes));
    return into;
  }

  memoryBytes(): number {
    return this.memory.byteLength;
  }

  async close(): Promise<void> {
    this.memory = new ArrayBuffer(0);
  }

  load(program: Program, scratchOffset: number): LoadedProgram {
    return new JsProgram(program, scratchOffset, () => this.memory, this.float);
  }
}

/** A call with views on the memory, made anew only when the memory has moved. */
interface BoundCall {
  readonly call: Call;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

class JsProgram implements LoadedProgram {
  readonly choices;
  private boundTo: ArrayBuffer | undefined;
  private bound: BoundCall[] = [];
  private hasRunOnce = false;

  constructor(
    private readonly program: Program,
    private readonly scratchOffset: number,
    private readonly memory: () => ArrayBuffer,
    private readonly float: "f32" | "f64",
  ) {
    this.choices = program.calls.map(({ op }) => ({
      kernel: `${op.name}-js`,
      reason: "the reference of the operation",
    }));
  }

  async run(): Promise<void> {
    this.bind();
    let since = performance.now();
    for (const { call, inputs, outputs } of this.bound) {
      if (call.once && this.hasRunOnce) continue;
      if (call.op === fusedElementwise)
        runFusedSteps(outputs, inputs, call.attributes); // planned for a backend that fuses
      else if (!call.op.reference)
        throw new Error(`${call.op.name} has no reference`); // a bug of ours
      else call.op.reference(outputs[0], inputs, call.attributes);
      if (performance.now() - since > LONGEST_BLOCK_MS) {
        await yieldToEventLoop();
        since = performance.now();
      }
    }
    this.hasRunOnce = true;
  }

  async commit(): Promise<number> {
    const watched = [...this.program.assignments.map(({ from }) => from), ...this.program.outputs];
    const bad = watched.findIndex((buffer) => buffer.dtype === "f32" && !this.view(buffer).data.every(Number.isFinite));
    if (bad >= 0) return bad;
    for (const { from, to } of this.program.assignments) this.view(to).data.set(this.view(from).data);
    return -1;
  }

  dispose(): void {
    this.bound = [];
    this.boundTo = undefined;
  }

  private bind(): void {
    if (this.boundTo === this.memory()) return;
    this.boundTo = this.memory();
    this.bound = this.program.calls.map((call) => ({
      call,
      inputs: call.inputs.map((buffer) => this.view(buffer)),
      outputs: call.outputs.map((buffer) => this.view(buffer)),
    }));
  }

  private view({ shape, dtype, bytes, region, offset }: Buffer): Values {
    const at = region === "scratch" ? this.scratchOffset + offset : offset;
    const elements = isPacked(dtype) ? bytes : elementsOf(shape);
    return { shape, dtype, data: this.array(dtype, at, elements) };
  }

  private array(dtype: Dtype, at: number, elements: number): HostArray {
    if (dtype === "f32") return new (this.float === "f64" ? Float64Array : Float32Array)(this.memory(), at, elements);
    if (dtype === "i32") return new Int32Array(this.memory(), at, elements);
    return new Uint8Array(this.memory(), at, elements);
  }
}
