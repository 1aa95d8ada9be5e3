import { ArgumentError, add, inLayer, relu, type Tensor } from "@lowbit/core-tensor";
import { type BoundEdgeQuantizer, noQuantizers } from "../quantization/cell-quantizers.js";
import { gateActivation } from "../quantization/gate-activation.js";
import { CellParameters, quantizeEdge } from "./cell-parameters.js";
import { checkSizes } from "./check-sizes.js";
import type { CellOptions, RecurrentCell } from "./recurrent-cell.js";

export interface VanillaCellOptions extends CellOptions {
  /** "tanh" where absent. */
  readonly activation?: "tanh" | "relu";
}

/** The activation on the grid of the state. */
const activations = new Map<
  string,
  (state: BoundEdgeQuantizer | undefined, training: boolean) => (x: Tensor) => Tensor
>([
  ["tanh", (state, training) => gateActivation("tanh", state, training)],
  ["relu", (state) => (x) => quantizeEdge(relu(x), state)],
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
  const openActivation = activations.get(activation);
  if (!openActivation) {
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
      const activate = openActivation(quantizers.state, context.training);
      return {
        enter: ({ hidden }) =>
          inLayer(name, () => ({ hidden: parameters.handOn(quantizeEdge(hidden, quantizers.state)) })),
        project: (x) => inLayer(name, () => add(read(quantizeEdge(x, quantizers.input)), bias)),
        step: (projected, { hidden }) =>
          inLayer(name, () => ({
            hidden: parameters.handOn(activate(add(projected, recall(hidden)))),
          })),
        show: (hidden) => inLayer(name, () => parameters.show(hidden, context)),
      };
    },
  };
}
