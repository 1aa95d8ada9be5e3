import { add, inLayer, multiply, sigmoid, type Tensor, tanh } from "@lowbit/core-tensor";
import { noQuantizers } from "../quantization/cell-quantizers.js";
import { CellParameters, quantizeEdge } from "./cell-parameters.js";
import { checkSizes } from "./check-sizes.js";
import { gateColumns } from "./gate-columns.js";
import type { CellOptions, RecurrentCell, RecurrentState } from "./recurrent-cell.js";

export interface LstmState extends RecurrentState {
  /** The cell c, which no gate's range bounds. */
  readonly cell: Tensor;
}

/**
 * Long short-term memory, without peepholes and projection:
 *
 *     i, o, f = σ(W x + R h + b)     g = tanh(W x + R h + b)
 *     c' = f · c + i · g             h' = o · tanh(c')
 *
 * Variables `weight` [4·H, I], `recurrent` [4·H, H] and `bias` [4·H], with the gates in ONNX's order i, o, f, g: the three sigmoids
 * lie side by side, and an ONNX model takes the matrices as they are. One bias: ONNX and PyTorch hold two, of which only the sum
 * counts. The forget gate's bias starts at 1, so that a fresh cell remembers.
 *
 * Quantized: W and R; x, h'; i, o, f on the grid of sigmoids, g and tanh(c') on that of tanh; c' where its slot has a quantizer.
 *
 * Sources: Hochreiter and Schmidhuber, Neural Computation 9, 1997; forget gate: Gers et al., 2000; its bias: Jozefowicz et al., ICML 2015
 */
export function lstmCell(options: CellOptions): RecurrentCell<LstmState> {
  checkSizes(options);
  const { name, inputSize, hiddenSize, quantizers = noQuantizers } = options;
  const parameters = new CellParameters(options);
  const weight = parameters.matrix("weight", [4 * hiddenSize, inputSize], "weight");
  const recurrent = parameters.matrix("recurrent", [4 * hiddenSize, hiddenSize], "recurrent");
  const bias = parameters.vector("bias", [0, 0, 1, 0]);
  return {
    name,
    inputSize,
    hiddenSize,
    stateSizes: { hidden: hiddenSize, cell: hiddenSize },
    variables: parameters.variables,
    stored: () => parameters.stored(),
    open: (context) => {
      const [read, recall] = inLayer(name, () => [weight.open(context), recurrent.open(context)]);
      return {
        enter: ({ hidden, cell }) =>
          inLayer(name, () => ({
            hidden: quantizeEdge(hidden, quantizers.state),
            cell: quantizeEdge(cell, quantizers.cell),
          })),
        project: (x) => inLayer(name, () => add(read(quantizeEdge(x, quantizers.input)), bias)),
        step: (projected, { hidden, cell }) =>
          inLayer(name, () => {
            const sums = add(projected, recall(hidden));
            const gates = quantizeEdge(sigmoid(gateColumns(sums, 0, 3, hiddenSize)), quantizers.sigmoidGate);
            const [i, o, f] = [0, 1, 2].map((gate) => gateColumns(gates, gate, gate + 1, hiddenSize));
            const candidate = quantizeEdge(tanh(gateColumns(sums, 3, 4, hiddenSize)), quantizers.tanhGate);
            const next = quantizeEdge(add(multiply(f, cell), multiply(i, candidate)), quantizers.cell);
            const shown = multiply(o, quantizeEdge(tanh(next), quantizers.tanhGate));
            return { hidden: quantizeEdge(shown, quantizers.state), cell: next };
          }),
      };
    },
  };
}
