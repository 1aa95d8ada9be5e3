import type { GpuMode } from "./gpu-mode.js";

/**
 * A value while a program is translated: made by a launch on the device, known from the start (constants, packed filters),
 * or given anew to every run. On the device all of them are flat arrays of float32.
 */
export type DeviceValue =
  | { readonly kind: "launch"; readonly launch: number; readonly length: number }
  | { readonly kind: "constant"; readonly data: Float32Array; readonly length: number }
  | { readonly kind: "argument"; readonly argument: number; readonly length: number };

/** One kernel of gpu.js to run: it makes `length` numbers, one a thread, from whole arrays. */
export interface Launch {
  /** A JavaScript function in the subset that gpu.js translates. */
  readonly source: string;
  readonly length: number;
  readonly inputs: readonly DeviceValue[];
}

/** WebGPU binds eight arrays to a kernel where nothing more is asked for, and one of them is the result. */
export const MOST_INPUTS = 7;

/** The launches of one program, in order. */
export class Launches {
  readonly list: Launch[] = [];

  constructor(readonly mode: GpuMode) {}

  /**
   * @param parameters  names of the inputs inside `body`, in order
   * @param body        statements that end in `return`; `i` is the number of the element that this thread makes
   */
  add(length: number, inputs: Readonly<Record<string, DeviceValue>>, body: string): DeviceValue {
    const names = Object.keys(inputs);
    if (names.length > MOST_INPUTS) throw new Error(`a kernel with ${names.length} inputs`); // a bug of ours
    const source = `function (${names.join(", ")}) {\nconst i = this.thread.x;\n${body}\n}`;
    this.list.push({ source, length, inputs: Object.values(inputs) });
    return { kind: "launch", launch: this.list.length - 1, length };
  }

  constant(data: Float32Array): DeviceValue {
    return { kind: "constant", data, length: data.length };
  }
}
