import type { Values } from "../../graph/define-op.js";
import { isPacked } from "../../graph/dtype.js";
import { elementsOf } from "../../graph/shape.js";
import type { KernelChoice, LoadedProgram } from "../../plan/backend.js";
import type { Buffer, Call, Program } from "../../plan/program.js";
import { assemble, type Instruction, type Kernel, type Places, scratchOf } from "./instruction.js";
import { chooseKernel, type KernelOptions } from "./kernel-table.js";
import type { KernelExports } from "./load-kernels.js";
import { sharedPackings } from "./shared-packings.js";
import type { WasmMemory } from "./wasm-memory.js";

/** A stretch of a program: instructions for the interpreter, or one call for its reference. */
export type Segment =
  | { readonly kind: "kernels"; readonly program: number; readonly sync: number; readonly syncBytes: number }
  | { readonly kind: "reference"; readonly call: Call };

/** Memory that belongs to one program. */
export interface Held {
  readonly offset: number;
  readonly bytes: number;
}

/** What a program needs of the backend that runs it. */
export interface Host {
  readonly memory: WasmMemory;
  readonly kernels: KernelExports;
  /** Winograd here is for programs that assign nothing. */
  readonly options: KernelOptions;
  /** Room that a thread has for itself while it computes a chunk. */
  reserveThreadScratch(bytes: number): void;
  runKernels(segment: Segment & { kind: "kernels" }): Promise<void>;
  /** Lets the event loop have its turn if it has waited long. */
  breathe(): Promise<void>;
}

/** The flag that calls a run off takes a cache line before the counters. */
const SYNC_HEADER_BYTES = 64;

export class WasmProgram implements LoadedProgram {
  readonly choices: readonly KernelChoice[];
  /** Instructions, counters, and what was packed once. */
  readonly held: Held[] = [];
  private readonly once: readonly Segment[];
  private readonly segments: readonly Segment[];
  private readonly constants: ReadonlySet<number>;
  private readonly options: KernelOptions;
  /** What names the packing of a call that lasts, and where that lies once it has a place. */
  private readonly lasting: ReadonlyMap<Call, string>;
  private readonly packed = new Map<string, number>();
  /** What a step that writes is refused for, where it is not finite. */
  private readonly watched: readonly Buffer[];
  private hasRunOnce = false;

  constructor(
    private readonly host: Host,
    private readonly program: Program,
    private readonly scratchOffset: number,
  ) {
    const isInference = program.assignments.length === 0;
    this.options = { ...host.options, winograd: host.options.winograd && isInference };
    this.choices = program.calls.map((call) => {
      const { kernel, reason } = chooseKernel(call, this.options);
      return { kernel: kernel ? kernel.name(call) : "reference", reason };
    });
    this.watched = [...program.assignments.map(({ from }) => from), ...program.outputs];
    this.constants = new Set(
      [...program.constants.map(({ buffer }) => buffer), ...program.computedOnce].map(({ offset }) => offset),
    );
    this.lasting = sharedPackings(
      program.calls.filter((call) => !call.once),
      (call) => chooseKernel(call, this.options).kernel,
      (buffer) => this.isConstant(buffer),
    );
    const packing: Instruction[] = [];
    const once = this.bind(
      program.calls.filter((call) => call.once),
      packing,
    );
    this.segments = this.bind(
      program.calls.filter((call) => !call.once),
      packing,
    );
    this.once = packing.length > 0 ? [...once, this.store(packing)] : once;
  }

  async run(): Promise<void> {
    if (!this.hasRunOnce) await this.runSegments(this.once);
    this.hasRunOnce = true;
    await this.runSegments(this.segments);
  }

  async commit(): Promise<number> {
    const { program, host, watched } = this;
    for (let i = 0; i < watched.length; i++) {
      const { dtype, shape } = watched[i];
      if (dtype === "f32" && host.kernels.hasNonFinite(this.placeOf(watched[i]), elementsOf(shape)) !== 0) return i;
    }
    for (const { from, to } of program.assignments)
      host.kernels.copyBytes(this.placeOf(to), this.placeOf(from), from.bytes);
    return -1;
  }

  dispose(): void {
    for (const { offset, bytes } of this.held.splice(0)) this.host.memory.free(offset, bytes);
  }

  private async runSegments(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      if (segment.kind === "kernels") await this.host.runKernels(segment);
      else this.runReference(segment.call);
      await this.host.breathe();
    }
  }

  private runReference({ op, inputs, outputs, attributes }: Call): void {
    if (!op.reference) throw new Error(`${op.name} has neither kernel nor reference`); // a bug of ours
    const values = inputs.map((buffer) => this.view(buffer));
    op.reference(this.view(outputs[0]), values, attributes);
  }

  private placeOf({ region, offset }: Buffer): number {
    return region === "scratch" ? this.scratchOffset + offset : offset;
  }

  private view(buffer: Buffer): Values {
    const { shape, dtype, bytes } = buffer;
    const memory = this.host.memory.memory.buffer;
    const at = this.placeOf(buffer);
    if (dtype === "f32") return { shape, dtype, data: new Float32Array(memory, at, elementsOf(shape)) };
    if (dtype === "i32") return { shape, dtype, data: new Int32Array(memory, at, elementsOf(shape)) };
    return { shape, dtype, data: new Uint8Array(memory, at, isPacked(dtype) ? bytes : elementsOf(shape)) };
  }

  /** Instructions and reference calls in order; what constants need once goes to `packing`. */
  private bind(calls: readonly Call[], packing: Instruction[]): Segment[] {
    const segments: Segment[] = [];
    let instructions: Instruction[] = [];
    const close = () => {
      if (instructions.length > 0) segments.push(this.store(instructions));
      instructions = [];
    };
    for (const call of calls) {
      const { kernel } = chooseKernel(call, this.options);
      if (kernel) {
        instructions.push(...this.emit(kernel, call, packing).filter(({ chunks }) => chunks > 0));
      } else {
        close();
        segments.push({ kind: "reference", call });
      }
    }
    close();
    return segments;
  }

  private isConstant({ region, offset }: Buffer): boolean {
    return region === "resident" && this.constants.has(offset);
  }

  private emit(kernel: Kernel, call: Call, packing: Instruction[]): Instruction[] {
    const { packedBytes } = scratchOf(kernel, call);
    const workspace = this.placeOf(call.workspace);
    const of = (buffer: Buffer) => this.placeOf(buffer);
    const places: Places = { workspace: workspace + packedBytes, packed: workspace, of };
    if (!kernel.packing || packedBytes === 0) return kernel.emit(call, places);
    const name = this.lasting.get(call);
    if (name === undefined) return [...kernel.packing.emit(call, places), ...kernel.emit(call, places)];
    const known = this.packed.get(name);
    const lasting = { ...places, packed: known ?? this.hold(packedBytes) };
    if (known !== undefined) return kernel.emit(call, lasting);
    this.packed.set(name, lasting.packed);
    const packs = kernel.packing.emit(call, lasting);
    if (!this.isConstant(call.inputs[kernel.packing.input])) return [...packs, ...kernel.emit(call, lasting)];
    packing.push(...packs);
    return kernel.emit(call, lasting);
  }

  private hold(bytes: number): number {
    const offset = this.host.memory.allocate(bytes);
    this.held.push({ offset, bytes });
    return offset;
  }

  private store(instructions: readonly Instruction[]): Segment {
    const { memory } = this.host;
    this.host.reserveThreadScratch(Math.max(...instructions.map(({ scratchBytes }) => scratchBytes)));
    const words = assemble(instructions);
    const syncBytes = SYNC_HEADER_BYTES + 8 * instructions.length;
    const program = this.hold(words.byteLength);
    const sync = this.hold(syncBytes);
    memory.words(program, words.length).set(words);
    return { kind: "kernels", program, sync, syncBytes };
  }
}
