import { add, inLayer, multiply, slice, type Tensor } from "@lowbit/core-tensor";
import { noQuantizers } from "../quantization/cell-quantizers.js";
import { gateActivation } from "../quantization/gate-activation.js";
import { CellParameters, quantizeEdge } from "./cell-parameters.js";
import { checkSizes } from "./check-sizes.js";
import { gateColumns } from "./gate-columns.js";
import type { CellOptions, RecurrentCell, RecurrentState } from "./recurrent-cell.js";

export interface LstmState extends RecurrentState {
  /** The cell c, which no gate's range bounds. */
  readonly cell: Tensor;
}

export interface LstmCellOptions extends CellOptions {
  /** Lets the gates see the cell: i and f the one before the step, o the one after it. false where absent. */
  readonly peephole?: boolean;
  /** Values that the hidden state is projected to, P; without it the hidden state has hiddenSize values. */
  readonly projectionSize?: number;
}

/**
 * Long short-term memory:
 *
 *     i, o, f = σ(W x + R h + b)     g = tanh(W x + R h + b)
 *     c' = f · c + i · g             h' = o · tanh(c')
 *     peephole:    i and f have p · c added before σ, o has p · c'
 *     projection:  h' = P (o · tanh(c'))
 *
 * Variables `weight` [4·H, I], `recurrent` [4·H, H] and `bias` [4·H], with the gates in ONNX's order i, o, f, g: the three sigmoids
 * lie side by side, and an ONNX model takes the matrices as they are; `peephole` [3·H] in the order i, o, f, and `projection` [P, H],
 * with which `recurrent` is [4·H, P]. One bias: ONNX and PyTorch hold two, of which only the sum counts. The forget gate's bias starts
 * at 1, so that a fresh cell remembers; peepholes start at 0.
 *
 * Quantized: W, R and P; x, h' and what P reads; i, o, f on the grid of sigmoids, g and tanh(c') on that of tanh; c' where its slot has a
 * quantizer.
 *
 * @throws {ArgumentError} for sizes that are no whole numbers from 1
 * Sources: Hochreiter and Schmidhuber, Neural Computation 9, 1997; forget gate: Gers et al., 2000; its bias: Jozefowicz et al., ICML
 * 2015; peepholes: Gers and Schmidhuber, IJCNN 2000; projection: Sak et al., arXiv 1402.1128
 */
export function lstmCell(options: LstmCellOptions): RecurrentCell<LstmState> {
  const { name, inputSize, hiddenSize, peephole = false, projectionSize, quantizers = noQuantizers } = options;
  const outputSize = projectionSize ?? hiddenSize;
  checkSizes(name, { inputSize, hiddenSize, projectionSize: outputSize });
  const parameters = new CellParameters(options);
  const weight = parameters.matrix("weight", [4 * hiddenSize, inputSize], "weight");
  const recurrent = parameters.matrix("recurrent", [4 * hiddenSize, outputSize], "recurrent");
  const bias = parameters.vector("bias", [0, 0, 1, 0]);
  const peepholes = peephole ? parameters.vector("peephole", [0, 0, 0]) : undefined;
  const projection =
    projectionSize === undefined
      ? undefined
      : parameters.matrix("projection", [projectionSize, hiddenSize], "recurrent");
  return {
    name,
    inputSize,
    hiddenSize: outputSize,
    stateSizes: { hidden: outputSize, cell: hiddenSize },
    variables: parameters.variables,
    stored: () => parameters.stored(),
    open: (context) => {
      const [read, recall, project] = inLayer(name, () => [
        weight.open(context),
        recurrent.open(context),
        projection?.open(context),
      ]);
      const toGate = gateActivation("sigmoid", quantizers.sigmoidGate, context.training);
      const squash = gateActivation("tanh", quantizers.tanhGate, context.training);
      /** i, o and f of one step; o waits for the cell where it sees it. */
      const openGates = (sums: Tensor, cell: Tensor) => {
        const column = (gate: number) => gateColumns(sums, gate, gate + 1, hiddenSize);
        if (!peepholes) {
          const gates = toGate(gateColumns(sums, 0, 3, hiddenSize));
          const [i, o, f] = [0, 1, 2].map((gate) => gateColumns(gates, gate, gate + 1, hiddenSize));
          return { i, f, o: () => o };
        }
        const seen = (gate: number, c: Tensor) => {
          const own = slice(peepholes, { begin: [gate * hiddenSize], size: [hiddenSize] });
          return toGate(add(column(gate), multiply(own, c)));
        };
        return { i: seen(0, cell), f: seen(2, cell), o: (next: Tensor) => seen(1, next) };
      };
      return {
        enter: ({ hidden, cell }) =>
          inLayer(name, () => ({
            hidden: parameters.handOn(quantizeEdge(hidden, quantizers.state)),
            cell: quantizeEdge(cell, quantizers.cell),
          })),
        project: (x) => inLayer(name, () => add(read(quantizeEdge(x, quantizers.input)), bias)),
        step: (projected, { hidden, cell }) =>
          inLayer(name, () => {
            const sums = add(projected, recall(hidden));
            const { i, f, o } = openGates(sums, cell);
            const candidate = squash(gateColumns(sums, 3, 4, hiddenSize));
            const next = quantizeEdge(add(multiply(f, cell), multiply(i, candidate)), quantizers.cell);
            const shown = parameters.handOn(quantizeEdge(multiply(o(next), squash(next)), quantizers.state));
            const last = project ? parameters.handOn(quantizeEdge(project(shown), quantizers.state)) : shown;
            return { hidden: last, cell: next };
          }),
        show: (hidden) => inLayer(name, () => parameters.show(hidden, context)),
      };
    },
  };
}
