import { add, inLayer, matmul, multiply, sigmoid, type Tensor, tanh } from "@lowbit/core-tensor";
import { gateBias, recurrentMatrix } from "./cell-parameters.js";
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
 * Sources: Hochreiter and Schmidhuber, Neural Computation 9, 1997; forget gate: Gers et al., 2000; its bias: Jozefowicz et al., ICML 2015
 */
export function lstmCell(options: CellOptions): RecurrentCell<LstmState> {
  checkSizes(options);
  const { name, inputSize, hiddenSize } = options;
  const weight = recurrentMatrix(`${name}.weight`, [4 * hiddenSize, inputSize], options);
  const recurrent = recurrentMatrix(`${name}.recurrent`, [4 * hiddenSize, hiddenSize], options);
  const bias = gateBias(`${name}.bias`, [0, 0, 1, 0], options);
  return {
    name,
    inputSize,
    hiddenSize,
    stateNames: ["hidden", "cell"],
    variables: [weight, recurrent, bias],
    project: (x) => inLayer(name, () => add(matmul(x, weight, { transposeB: true }), bias)),
    step: (projected, { hidden, cell }) =>
      inLayer(name, () => {
        const sums = add(projected, matmul(hidden, recurrent, { transposeB: true }));
        const gates = sigmoid(gateColumns(sums, 0, 3, hiddenSize));
        const [i, o, f] = [0, 1, 2].map((gate) => gateColumns(gates, gate, gate + 1, hiddenSize));
        const candidate = tanh(gateColumns(sums, 3, 4, hiddenSize));
        const next = add(multiply(f, cell), multiply(i, candidate));
        return { hidden: multiply(o, tanh(next)), cell: next };
      }),
  };
}
