import type { OpDeclaration } from "../graph/define-op.js";
import type { Dtype, HostArray } from "../graph/dtype.js";
import type { Shape } from "../graph/shape.js";
import type { Attributes } from "../graph/tensor.js";
import type { Variable } from "../graph/variable.js";

/**
 * One stretch of the arena that holds a value. Resident buffers (variables, constants, results computed once) keep a
 * place of their own, scratch buffers share the scratch area and are placed relative to its start.
 */
export interface Buffer {
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly bytes: number;
  readonly region: "resident" | "scratch";
  /** Bytes from the start of the region; −1 before the memory plan (scratch) or the engine (resident) has set it. */
  readonly offset: number;
}

/** Where a value lies; shared by its views and by values that take turns in one place. */
export interface Place {
  offset: number;
}

/** A buffer whose place is decided after it is made. */
export class PlannedBuffer implements Buffer {
  constructor(
    readonly shape: Shape,
    readonly dtype: Dtype,
    readonly bytes: number,
    readonly region: Buffer["region"],
    readonly place: Place = { offset: -1 },
  ) {}

  get offset(): number {
    return this.place.offset;
  }
}

/**
 * One step of a fused element-wise pass. Registers number the group's inputs first (0 … inputs − 1), then the result of
 * each step. Every value is f32 while it is in a register; loads convert from i32, u8 and bool, stores convert to them.
 */
export interface ElementwiseStep {
  readonly code: string;
  readonly sources: readonly number[];
  readonly immediates: readonly number[];
}

/** Attributes of a call of `fusedElementwise`: all inputs broadcast to `shape`; outputs are registers. */
export interface FusedElementwise {
  readonly shape: Shape;
  readonly steps: readonly ElementwiseStep[];
  /** The register that each output of the call stores. */
  readonly results: readonly number[];
}

/** One kernel to run: an operation (or a fused pass) on placed buffers. */
export interface Call {
  readonly op: OpDeclaration;
  readonly attributes: Attributes;
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
  /** Scratch for this call alone, shared by its threads; bytes 0 where the backend wants none. */
  readonly workspace: Buffer;
  readonly layer: string;
  /** This call's inputs never change (constants only): it runs once, when the program is loaded. */
  readonly once: boolean;
}

export interface Program {
  readonly inputs: ReadonlyMap<string, Buffer>;
  readonly outputs: readonly Buffer[];
  readonly constants: readonly { readonly buffer: PlannedBuffer; readonly data: HostArray }[];
  readonly variables: ReadonlyMap<Variable, PlannedBuffer>;
  /** Results of calls that run once; the engine places them. */
  readonly computedOnce: readonly PlannedBuffer[];
  /** Copies of the last phase: computed value → variable. */
  readonly assignments: readonly {
    readonly variable: Variable;
    readonly from: Buffer;
    readonly to: Buffer;
    readonly layer: string;
  }[];
  readonly calls: readonly Call[];
  readonly scratchBytes: number;
}
