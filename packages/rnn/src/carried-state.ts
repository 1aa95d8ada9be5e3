import { assign, broadcastTo, constantOf, stateVariable, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { RecurrentCell, RecurrentState } from "./cells/recurrent-cell.js";

function stateOf<State extends RecurrentState>(
  { stateSizes }: RecurrentCell<State>,
  make: (name: keyof State & string, size: number) => Tensor,
): State {
  const entries = Object.entries<number>(stateSizes).map(([name, size]) => [
    name,
    make(name as keyof State & string, size),
  ]);
  return Object.fromEntries(entries) as unknown as State;
}

/** The state of `batch` sequences that have not begun: zeros. */
export function zeroState<State extends RecurrentState>(cell: RecurrentCell<State>, batch: number): State {
  return stateOf(cell, (_, size) => broadcastTo(constantOf(0), { shape: [batch, size] }));
}

/** State that outlives a step. */
export interface CarriedState<State extends RecurrentState> {
  /** One for each tensor of the state, named "<cell>.state.<tensor>"; they start at zero. */
  readonly variables: readonly Variable[];
  /** What the step before left. */
  readonly state: State;
  /** Records, in a compiled step, that its last state is the next step's first. */
  carry(last: State): void;
}

/**
 * The state of `batch` sequences, kept in variables: truncated back-propagation through time. A long text is read in pieces of T
 * steps; values flow from piece to piece, gradients do not.
 *
 * @example
 * const { state, carry } = carryState(cell, 20);
 * const step = engine.compile(({ x }) => {
 *   const { outputs, state: last } = unroll(cell, x, state);
 *   carry(last);
 *   return { outputs };
 * });
 */
export function carryState<State extends RecurrentState>(
  cell: RecurrentCell<State>,
  batch: number,
): CarriedState<State> {
  const kept = new Map<keyof State & string, Variable>();
  const state = stateOf(cell, (each, size) => {
    const data = () => new Float32Array(batch * size);
    const variable = stateVariable(`${cell.name}.state.${each}`, { dtype: "f32", shape: [batch, size], data });
    kept.set(each, variable);
    return variable.tensor;
  });
  return {
    variables: [...kept.values()],
    state,
    carry: (last) => {
      for (const [each, variable] of kept) assign(variable, last[each] as Tensor);
    },
  };
}
