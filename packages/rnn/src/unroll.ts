import { concat, inLayer, reshape, ShapeError, slice, type Tensor } from "@lowbit/core-tensor";
import type { Context } from "@lowbit/nn";
import type { RecurrentCell, RecurrentState } from "./cells/recurrent-cell.js";

/** What a sequence leaves behind. */
export interface Unrolled<State extends RecurrentState> {
  /** The hidden state after each step, [T, N, hiddenSize]. */
  readonly outputs: Tensor;
  /** The state after the last step. */
  readonly state: State;
}

/**
 * Runs a cell over a sequence, step by step in the graph: T is part of the shape, so a compiled function holds T steps and is
 * compiled once for each T. The products with the input are one, over all steps.
 *
 * @param x      [T, N, inputSize] f32, T ≥ 1: N sequences side by side
 * @param state  before the first step, each tensor [N, hiddenSize]: zeros, inputs, or variables that carry it from call to call.
 *               Gradients flow through all T steps, and into `state` where that is not a variable of another step
 * @param context  in training, which is the default, quantized matrices multiply levels; in evaluation whole numbers
 * @throws {ShapeError} when x or a state has another shape, or there is no step
 */
export function unroll<State extends RecurrentState>(
  cell: RecurrentCell<State>,
  x: Tensor,
  state: State,
  context: Context = { training: true },
): Unrolled<State> {
  const { name, inputSize, hiddenSize } = cell;
  const [T, N] = x.shape;
  if (x.shape.length !== 3 || T < 1 || x.shape[2] !== inputSize) {
    throw new ShapeError({ op: "unroll", layer: name, want: `x [T, N, ${inputSize}], T from 1`, got: { x: x.shape } });
  }
  checkState(cell, state, N);
  const open = cell.open(context);
  const projected = open.project(reshape(x, { shape: [T * N, inputSize] })); // [T·N, gates · hiddenSize]
  const width = projected.shape[1];
  const outputs: Tensor[] = [];
  let current = open.enter(state);
  for (let t = 0; t < T; t++) {
    const now = inLayer(name, () => slice(projected, { begin: [t * N, 0], size: [N, width] }));
    current = open.step(now, current);
    outputs.push(current.hidden);
  }
  const all = inLayer(name, () => reshape(concat(outputs, { axis: 0 }), { shape: [T, N, hiddenSize] }));
  return { outputs: all, state: current };
}

function checkState<State extends RecurrentState>(cell: RecurrentCell<State>, state: State, N: number): void {
  for (const [each, size] of Object.entries<number>(cell.stateSizes)) {
    const { shape } = state[each as keyof State] as Tensor;
    if (shape.length === 2 && shape[0] === N && shape[1] === size) continue;
    throw new ShapeError({ op: "unroll", layer: cell.name, want: `${each} [${N}, ${size}]`, got: { [each]: shape } });
  }
}
