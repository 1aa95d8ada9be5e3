import { ArgumentError, add, inLayer, relu, tanh } from "@lowbit/core-tensor";
import { noQuantizers } from "../quantization/cell-quantizers.js";
import { CellParameters, quantizeEdge } from "./cell-parameters.js";
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
 * Variables `weight` [H, I], `recurrent` [H, H] and `bias` [H]. Quantized: W, R, x and h'.
 *
 * @throws {ArgumentError} for sizes that are no whole numbers from 1, and an unknown activation
 * Source: Elman, Cognitive Science 14, 1990
 */
export function vanillaCell(options: VanillaCellOptions): RecurrentCell {
  const { name, inputSize, hiddenSize, activation = "tanh", quantizers = noQuantizers } = options;
  checkSizes(name, { inputSize, hiddenSize });
  const activate = activations.get(activation);
  if (!activate) {
    throw new ArgumentError(`a recurrent cell can't have activation "${activation}"`, {
      layer: name,
      want: '"tanh" or "relu"',
      got: activation,
    });
  }
  const parameters = new CellParameters(options);
  const weight = parameters.matrix("weight", [hiddenSize, inputSize], "weight");
  const recurrent = parameters.matrix("recurrent", [hiddenSize, hiddenSize], "recurrent");
  const bias = parameters.vector("bias", [0]);
  return {
    name,
    inputSize,
    hiddenSize,
    stateSizes: { hidden: hiddenSize },
    variables: parameters.variables,
    stored: () => parameters.stored(),
    open: (context) => {
      const [read, recall] = inLayer(name, () => [weight.open(context), recurrent.open(context)]);
      return {
        enter: ({ hidden }) => inLayer(name, () => ({ hidden: quantizeEdge(hidden, quantizers.state) })),
        project: (x) => inLayer(name, () => add(read(quantizeEdge(x, quantizers.input)), bias)),
        step: (projected, { hidden }) =>
          inLayer(name, () => ({
            hidden: quantizeEdge(activate(add(projected, recall(hidden))), quantizers.state),
          })),
      };
    },
  };
}
