import type { HostTensor, Tensor, Variable } from "@lowbit/core-tensor";
import type { Context } from "@lowbit/nn";
import type { CellQuantizers } from "../quantization/cell-quantizers.js";

/** What a step hands to the next one: tensors [N, size] by name. Every cell has "hidden", which is its output too. */
export interface RecurrentState {
  readonly hidden: Tensor;
}

/**
 * A recurrent cell: its variables, and the pieces of graph that it builds. What reads the input alone stands apart, so that one
 * product serves all steps of a sequence; the step holds only what needs the state before it.
 */
export interface RecurrentCell<State extends RecurrentState = RecurrentState> {
  /** Full path, "encoder.layer0": its variables' names begin with it. */
  readonly name: string;
  readonly inputSize: number;
  /** Of its output. */
  readonly hiddenSize: number;
  /** The tensors of its state, and how many values of each sequence one holds. */
  readonly stateSizes: Readonly<Record<keyof State & string, number>>;
  readonly variables: readonly Variable[];
  /** Begins a graph: weights are quantized once for all of its steps. */
  open(context: Context): OpenCell<State>;
  /** What conversion keeps of it: each tensor by its name. */
  stored(): ReadonlyMap<string, Tensor>;
}

/** A cell within one graph. */
export interface OpenCell<State extends RecurrentState = RecurrentState> {
  /** The state before the first step as the steps read it: a quantized one is moved to its grid, where it is not on it. */
  enter(state: State): State;
  /** x [M, inputSize] → [M, gates · units], bias included; M counts steps and sequences together. */
  project(x: Tensor): Tensor;
  /** One step: projected [N, gates · units] and the state before it → the state after it. Between steps a packed cell keeps codes. */
  step(projected: Tensor, state: State): State;
  /** A hidden state between steps, or those of many steps, [M, hiddenSize], as readers outside want it: f32. */
  show(hidden: Tensor): Tensor;
}

export interface CellOptions {
  readonly name: string;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly seed: number;
  /** Nothing is quantized where absent. */
  readonly quantizers?: CellQuantizers;
  /** The tensors of a packed cell by their names: it has no variables then, and can't be trained. */
  readonly packed?: ReadonlyMap<string, HostTensor>;
}
