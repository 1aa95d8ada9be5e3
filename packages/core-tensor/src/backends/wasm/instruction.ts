import type { Buffer, Call } from "../../plan/program.js";
import { END, HEADER_WORDS } from "./assembly/opcodes.js";

/** One instruction of the interpreter in assembly/interpreter.ts; `words` are its arguments as 32-bit words. */
export interface Instruction {
  readonly opcode: number;
  /** Pieces of work that threads may take in any order. Follows from shapes alone. */
  readonly chunks: number;
  readonly words: readonly number[];
  /** Scratch that each thread wants while it computes a chunk. */
  readonly scratchBytes: number;
}

/** A call before its buffers have places. */
export type UnplacedCall = Pick<Call, "op" | "attributes" | "inputs" | "outputs">;

/** Where a buffer lies in wasm memory, and where the call's workspace does. */
export interface Places {
  readonly workspace: number;
  /** Where the kernel's packing lies. */
  readonly packed: number;
  of(buffer: Buffer): number;
}

/** Another form of one input, made before the kernel runs: once, where that input is a constant, else in every run. */
export interface Packing {
  readonly input: number;
  bytes(call: UnplacedCall): number;
  emit(call: UnplacedCall, places: Places): Instruction[];
}

/** The wasm form of one operation. */
export interface Kernel {
  /** Name of the operation. */
  readonly op: string;
  /** true, or why this call goes to the reference. */
  supports(call: UnplacedCall): true | string;
  workspaceBytes(call: UnplacedCall): number;
  readonly packing?: Packing;
  emit(call: UnplacedCall, places: Places): Instruction[];
  /** As `explain()` and `inspect` show it: "conv2d-f32-direct". */
  name(call: UnplacedCall): string;
  /** Why this form and no other, where the kernel has several. */
  reason?(call: UnplacedCall): string;
}

type KernelDefinition = Omit<Kernel, "supports" | "workspaceBytes"> &
  Partial<Pick<Kernel, "supports" | "workspaceBytes">>;

/** A kernel takes every call and needs no workspace unless it says otherwise. */
export function defineKernel(definition: KernelDefinition): Kernel {
  return { supports: () => true, workspaceBytes: () => 0, ...definition };
}

/** true where all buffers are f32. */
export function wantsF32({ inputs, outputs }: UnplacedCall): true | string {
  const other = [...inputs, ...outputs].find(({ dtype }) => dtype !== "f32");
  return other === undefined || `the kernel takes f32 and one buffer is ${other.dtype}`;
}

const bits = new DataView(new ArrayBuffer(4));

/** Bytes of the packing and of the workspace behind it. */
export function scratchOf(kernel: Kernel, call: UnplacedCall): { packedBytes: number; bytes: number } {
  const packedBytes = roundUp(kernel.packing?.bytes(call) ?? 0, 64);
  return { packedBytes, bytes: packedBytes + kernel.workspaceBytes(call) };
}

/** A float as the word that has its bits. */
export function f32Word(value: number): number {
  bits.setFloat32(0, value);
  return bits.getInt32(0);
}

/** Instructions as one program, with the word that ends it. */
export function assemble(instructions: readonly Instruction[]): Int32Array {
  const words = instructions.flatMap(({ opcode, chunks, words }) => [
    opcode,
    HEADER_WORDS + words.length,
    chunks,
    ...words,
  ]);
  return Int32Array.from([...words, END]);
}

export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
