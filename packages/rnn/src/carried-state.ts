import { assign, broadcastTo, constantOf, stateVariable, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { RecurrentCell, RecurrentState } from "./cells/recurrent-cell.js";

function stateOf<State extends RecurrentState>(
  { stateNames }: RecurrentCell<State>,
  make: (name: keyof State & string) => Tensor,
): State {
  return Object.fromEntries(stateNames.map((name) => [name, make(name)])) as unknown as State;
}

/** The state of `batch` sequences that have not begun: zeros. */
export function zeroState<State extends RecurrentState>(cell: RecurrentCell<State>, batch: number): State {
  return stateOf(cell, () => broadcastTo(constantOf(0), { shape: [batch, cell.hiddenSize] }));
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
  const { name, hiddenSize, stateNames } = cell;
  const shape = [batch, hiddenSize];
  const kept = new Map(
    stateNames.map((each) => {
      const data = () => new Float32Array(batch * hiddenSize);
      return [each, stateVariable(`${name}.state.${each}`, { dtype: "f32", shape, data })] as const;
    }),
  );
  return {
    variables: [...kept.values()],
    state: stateOf(cell, (each) => (kept.get(each) as Variable).tensor),
    carry: (last) => {
      for (const [each, variable] of kept) assign(variable, last[each] as Tensor);
    },
  };
}
