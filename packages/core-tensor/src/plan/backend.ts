import type { OpDeclaration } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import type { Call, Program } from "./program.js";

/** How a call will be computed, for `explain()` and `inspect`. */
export interface KernelChoice {
  /** "conv2d-f32-direct", "reference". */
  readonly kernel: string;
  readonly reason: string;
}

/** A program bound to a backend's kernels, ready to run. */
export interface LoadedProgram {
  readonly choices: readonly KernelChoice[];
  /** Runs the calls that are not `once`. Resolves when all results are in memory. */
  run(): Promise<void>;
  /** The first of the watched buffers that holds NaN or Inf, −1 if none; then, if none, copies the assignments. */
  commit(): Promise<number>;
  /** Gives back what binding took; the program is not run again. */
  dispose(): void;
}

/**
 * Something that runs planned programs in one memory of its own. Offsets are bytes from the start of that memory.
 * The engine queues runs: a backend never sees two at once.
 */
export interface Backend {
  readonly name: string;
  /** Which build of the kernels: "reference", "reference-f64", "portable", "relaxed". */
  readonly build: string;
  readonly threads: number;
  /** Bytes that `elements` values of `dtype` take in this backend's memory (float64 storage doubles f32). */
  bytesOf(dtype: Dtype, elements: number): number;
  /** Whether an element-wise operation of this code may join a fused pass. */
  fuses(op: OpDeclaration): boolean;
  /** Scratch that the kernel for this call wants beside its inputs and outputs. */
  workspaceBytes(call: Pick<Call, "op" | "attributes" | "inputs" | "outputs">): number;
  /** Room for as long as the engine lives; returns its offset, a multiple of 64. */
  allocate(bytes: number): number;
  /** Gives a place from `allocate` back. */
  free(offset: number, bytes: number): void;
  write(offset: number, bytes: Uint8Array): void;
  /** A copy of these bytes: a new one, or `into`, which is as long. */
  read(offset: number, bytes: number, into?: Uint8Array): Uint8Array;
  /** Binds a placed program; scratch buffers lie at `scratchOffset` + their own offset. */
  load(program: Program, scratchOffset: number): LoadedProgram;
  /** Bytes of memory held now. */
  memoryBytes(): number;
  close(): Promise<void>;
}
