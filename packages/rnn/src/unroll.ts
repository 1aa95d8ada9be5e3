import { add, concat, inLayer, multiply, reshape, ShapeError, slice, subtract, type Tensor } from "@lowbit/core-tensor";
import type { RecurrentCell, RecurrentState } from "./cells/recurrent-cell.js";

/** What a sequence leaves behind. */
export interface Unrolled<State extends RecurrentState> {
  /** The hidden state after each step, [T, N, hiddenSize]. */
  readonly outputs: Tensor;
  /** The state after the last step. */
  readonly state: State;
}

export interface UnrollOptions {
  /** In training, which is the default, quantized matrices multiply levels; in evaluation whole numbers. */
  readonly training?: boolean;
  /** From the last step to the first; outputs stay in the order of x. false where absent. */
  readonly reverse?: boolean;
  /**
   * [T, N] f32, 1 where a sequence has a step and 0 behind its end: there its state stays what it was, and its output is 0. All steps count
   * where absent.
   */
  readonly mask?: Tensor;
}

/**
 * Runs a cell over a sequence, step by step in the graph: T is part of the shape, so a compiled function holds T steps and is
 * compiled once for each T. The products with the input are one, over all steps.
 *
 * @param x      [T, N, inputSize] f32, T ≥ 1: N sequences side by side
 * @param state  before the first step, each tensor [N, size]: zeros, inputs, or variables that carry it from call to call.
 *               Gradients flow through all T steps, and into `state` where that is not a variable of another step
 * @throws {ShapeError} when x, a state or the mask has another shape, or there is no step
 */
export function unroll<State extends RecurrentState>(
  cell: RecurrentCell<State>,
  x: Tensor,
  state: State,
  { training = true, reverse = false, mask }: UnrollOptions = {},
): Unrolled<State> {
  const { name, inputSize, hiddenSize } = cell;
  const [T, N] = x.shape;
  if (x.shape.length !== 3 || T < 1 || x.shape[2] !== inputSize) {
    throw new ShapeError({ op: "unroll", layer: name, want: `x [T, N, ${inputSize}], T from 1`, got: { x: x.shape } });
  }
  if (mask && mask.shape.join() !== `${T},${N}`) {
    throw new ShapeError({ op: "unroll", layer: name, want: `mask [${T}, ${N}]`, got: { mask: mask.shape } });
  }
  checkState(cell, state, N);
  const open = cell.open({ training });
  const projected = open.project(reshape(x, { shape: [T * N, inputSize] })); // [T·N, gates · units]
  const width = projected.shape[1];
  const outputs = new Array<Tensor>(T);
  const show = (kept: State): State => ({ ...kept, hidden: open.show(kept.hidden) });
  let current = open.enter(state);
  for (let step = 0; step < T; step++) {
    const t = reverse ? T - 1 - step : step;
    const now = inLayer(name, () => slice(projected, { begin: [t * N, 0], size: [N, width] }));
    const next = open.step(now, current);
    outputs[t] = next.hidden;
    const isThere =
      mask && inLayer(name, () => reshape(slice(mask, { begin: [t, 0], size: [1, N] }), { shape: [N, 1] }));
    current = isThere ? open.enter(inLayer(name, () => chooseState(cell, isThere, show(next), show(current)))) : next;
  }
  const all = inLayer(name, () => {
    const shown = reshape(open.show(concat(outputs, { axis: 0 })), { shape: [T, N, hiddenSize] });
    return mask ? multiply(shown, reshape(mask, { shape: [T, N, 1] })) : shown;
  });
  return { outputs: all, state: show(current) };
}

/** The next state where a sequence has a step, the one before where it has ended; exact, since one of the factors is 0. */
function chooseState<State extends RecurrentState>(
  { stateSizes }: RecurrentCell<State>,
  isThere: Tensor,
  next: State,
  before: State,
): State {
  const chosen = Object.keys(stateSizes).map((name) => {
    const [a, b] = [next, before].map((state) => state[name as keyof State] as Tensor);
    return [name, add(multiply(a, isThere), multiply(b, subtract(1, isThere)))];
  });
  return Object.fromEntries(chosen) as unknown as State;
}

/** What two cells make of a sequence, one from each end. */
export interface UnrolledBothWays<State extends RecurrentState> {
  /** Forward's hidden state beside backward's, [T, N, forward.hiddenSize + backward.hiddenSize]. */
  readonly outputs: Tensor;
  /** The forward cell's after the last step, and the backward cell's after the first. */
  readonly forward: State;
  readonly backward: State;
}

/** Runs one cell from the first step to the last and another from the last to the first: a bidirectional layer. Parameters as `unroll`'s. */
export function unrollBothWays<State extends RecurrentState>(
  cells: { readonly forward: RecurrentCell<State>; readonly backward: RecurrentCell<State> },
  x: Tensor,
  states: { readonly forward: State; readonly backward: State },
  options: Omit<UnrollOptions, "reverse"> = {},
): UnrolledBothWays<State> {
  const forward = unroll(cells.forward, x, states.forward, options);
  const backward = unroll(cells.backward, x, states.backward, { ...options, reverse: true });
  const outputs = concat([forward.outputs, backward.outputs], { axis: 2 });
  return { outputs, forward: forward.state, backward: backward.state };
}

function checkState<State extends RecurrentState>(cell: RecurrentCell<State>, state: State, N: number): void {
  for (const [each, size] of Object.entries<number>(cell.stateSizes)) {
    const { shape } = state[each as keyof State] as Tensor;
    if (shape.length === 2 && shape[0] === N && shape[1] === size) continue;
    throw new ShapeError({ op: "unroll", layer: cell.name, want: `${each} [${N}, ${size}]`, got: { [each]: shape } });
  }
}
