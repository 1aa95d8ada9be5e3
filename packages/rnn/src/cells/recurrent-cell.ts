import type { Tensor, Variable } from "@lowbit/core-tensor";

/** What a step hands to the next one: tensors [N, hidden] by name. Every cell has "hidden", which is its output too. */
export interface RecurrentState {
  readonly hidden: Tensor;
}

/**
 * A recurrent cell: its variables, and the two pieces of graph that it builds. What reads the input alone stands apart, so that one
 * product serves all steps of a sequence; the step holds only what needs the state before it.
 */
export interface RecurrentCell<State extends RecurrentState = RecurrentState> {
  /** Full path, "encoder.layer0": its variables' names begin with it. */
  readonly name: string;
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** The tensors of its state, each [N, hiddenSize]. */
  readonly stateNames: readonly (keyof State & string)[];
  readonly variables: readonly Variable[];
  /** x [M, inputSize] → [M, gates · hiddenSize], bias included; M counts steps and sequences together. */
  project(x: Tensor): Tensor;
  /** One step: projected [N, gates · hiddenSize] and the state before it → the state after it. */
  step(projected: Tensor, state: State): State;
}

export interface CellOptions {
  readonly name: string;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly seed: number;
}
