import { ArgumentError, add, inLayer, matmul, relu, tanh } from "@lowbit/core-tensor";
import { gateBias, recurrentMatrix } from "./cell-parameters.js";
import { checkSizes } from "./check-sizes.js";
import type { CellOptions, RecurrentCell } from "./recurrent-cell.js";

export interface VanillaCellOptions extends CellOptions {
  /** "tanh" where absent. */
  readonly activation?: "tanh" | "relu";
}

const activations = new Map([
  ["tanh", tanh],
  ["relu", relu],
]);

/**
 * The plain recurrent cell: h' = tanh(W x + R h + b), or with ReLU.
 *
 * Variables `weight` [H, I], `recurrent` [H, H] and `bias` [H].
 *
 * @throws {ArgumentError} for sizes that are no whole numbers from 1, and an unknown activation
 * Source: Elman, Cognitive Science 14, 1990
 */
export function vanillaCell(options: VanillaCellOptions): RecurrentCell {
  checkSizes(options);
  const { name, inputSize, hiddenSize, activation = "tanh" } = options;
  const activate = activations.get(activation);
  if (!activate) {
    throw new ArgumentError(`a recurrent cell can't have activation "${activation}"`, {
      layer: name,
      want: '"tanh" or "relu"',
      got: activation,
    });
  }
  const weight = recurrentMatrix(`${name}.weight`, [hiddenSize, inputSize], options);
  const recurrent = recurrentMatrix(`${name}.recurrent`, [hiddenSize, hiddenSize], options);
  const bias = gateBias(`${name}.bias`, [0], options);
  return {
    name,
    inputSize,
    hiddenSize,
    stateNames: ["hidden"],
    variables: [weight, recurrent, bias],
    project: (x) => inLayer(name, () => add(matmul(x, weight, { transposeB: true }), bias)),
    step: (projected, { hidden }) =>
      inLayer(name, () => ({
        hidden: activate(add(projected, matmul(hidden, recurrent, { transposeB: true }))),
      })),
  };
}
