import { ArgumentError, add, inLayer, multiply, subtract, type Tensor } from "@lowbit/core-tensor";
import type { Context } from "@lowbit/nn";
import { type CellQuantizers, noQuantizers } from "../quantization/cell-quantizers.js";
import { levelsOf } from "../quantization/edge-codes.js";
import { gateActivation } from "../quantization/gate-activation.js";
import { CellParameters, quantizeEdge } from "./cell-parameters.js";
import { checkSizes } from "./check-sizes.js";
import { gateColumns } from "./gate-columns.js";
import type { CellOptions, RecurrentCell } from "./recurrent-cell.js";

export interface GruCellOptions extends CellOptions {
  /**
   * Where the reset gate acts: "after" the recurrent product (PyTorch, cuDNN; ONNX's linear_before_reset = 1), the default because
   * one product then serves all gates, or "before" it, as first printed.
   */
  readonly reset?: "after" | "before";
}

/**
 * Gated recurrent unit:
 *
 *     z, r = σ(W x + R h + b)        h' = (1 − z) · n + z · h
 *     reset after:   n = tanh(W x + b + r · (R h + b_R))
 *     reset before:  n = tanh(W x + b + R (r · h))
 *
 * Variables `weight` [3·H, I] and `bias` [3·H], with the gates in ONNX's order z, r, n, and `recurrent` [3·H, H] with the
 * candidate's `recurrentBias` [H] (reset after), or `recurrent` [2·H, H] and `recurrentCandidate` [H, H] (reset before), since that
 * takes two products. z keeps the old state, as in Cho et al., PyTorch and ONNX; Chung et al. (arXiv 1412.3555) have it the other way round.
 *
 * Quantized: W and R; x, h' and r · h; z and r on the grid of sigmoids, n on that of tanh.
 *
 * @throws {ArgumentError} for sizes that are no whole numbers from 1, and a reset that is neither
 * Sources: Cho et al., arXiv 1406.1078; reset after: arXiv 1406.1078v1 and cuDNN
 */
export function gruCell(options: GruCellOptions): RecurrentCell {
  const { name, inputSize, hiddenSize, reset = "after", quantizers = noQuantizers } = options;
  checkSizes(name, { inputSize, hiddenSize });
  if (reset !== "after" && reset !== "before") {
    throw new ArgumentError(`a GRU can't reset "${reset}"`, { layer: name, want: '"after" or "before"', got: reset });
  }
  const parameters = new CellParameters(options);
  const weight = parameters.matrix("weight", [3 * hiddenSize, inputSize], "weight");
  const bias = parameters.vector("bias", [0, 0, 0]);
  const recurrence = (reset === "after" ? resetAfter : resetBefore)(parameters, hiddenSize, quantizers);
  return {
    name,
    inputSize,
    hiddenSize,
    stateSizes: { hidden: hiddenSize },
    variables: parameters.variables,
    stored: () => parameters.stored(),
    open: (context) => {
      const [read, gates] = inLayer(name, () => [weight.open(context), recurrence(context)]);
      return {
        enter: ({ hidden }) =>
          inLayer(name, () => ({ hidden: parameters.handOn(quantizeEdge(hidden, quantizers.state)) })),
        project: (x) => inLayer(name, () => add(read(quantizeEdge(x, quantizers.input)), bias)),
        step: (projected, { hidden }) =>
          inLayer(name, () => {
            const { z, candidate } = gates(projected, hidden);
            // n + z · (h − n) is (1 − z) · n + z · h with a product less
            const before = levelsOf(hidden, quantizers.state);
            const next = add(candidate, multiply(z, subtract(before, candidate)));
            return { hidden: parameters.handOn(quantizeEdge(next, quantizers.state)) };
          }),
        show: (hidden) => inLayer(name, () => parameters.show(hidden, context)),
      };
    },
  };
}

/** The gates of one step, out of the projected input and the state before it. */
type Gates = (projected: Tensor, hidden: Tensor) => { readonly z: Tensor; readonly candidate: Tensor };
type Recurrence = (context: Context) => Gates;

function resetAfter(parameters: CellParameters, hiddenSize: number, quantizers: CellQuantizers): Recurrence {
  const recurrent = parameters.matrix("recurrent", [3 * hiddenSize, hiddenSize], "recurrent");
  const recurrentBias = parameters.vector("recurrentBias", [0]);
  return (context) => {
    const recall = recurrent.open(context);
    const { updateAndReset, squash } = openGates(hiddenSize, quantizers, context);
    return (projected, hidden) => {
      const recalled = recall(hidden);
      const { z, r } = updateAndReset(projected, gateColumns(recalled, 0, 2, hiddenSize));
      const memory = add(gateColumns(recalled, 2, 3, hiddenSize), recurrentBias);
      return { z, candidate: squash(add(gateColumns(projected, 2, 3, hiddenSize), multiply(r, memory))) };
    };
  };
}

function resetBefore(parameters: CellParameters, hiddenSize: number, quantizers: CellQuantizers): Recurrence {
  const recurrent = parameters.matrix("recurrent", [2 * hiddenSize, hiddenSize], "recurrent");
  const recurrentCandidate = parameters.matrix("recurrentCandidate", [hiddenSize, hiddenSize], "recurrent");
  return (context) => {
    const [recall, recallCandidate] = [recurrent.open(context), recurrentCandidate.open(context)];
    const { updateAndReset, squash } = openGates(hiddenSize, quantizers, context);
    return (projected, hidden) => {
      const { z, r } = updateAndReset(projected, recall(hidden));
      const memory = recallCandidate(quantizeEdge(multiply(r, levelsOf(hidden, quantizers.state)), quantizers.state));
      return { z, candidate: squash(add(gateColumns(projected, 2, 3, hiddenSize), memory)) };
    };
  };
}

function openGates(hiddenSize: number, quantizers: CellQuantizers, { training }: Context) {
  const toGate = gateActivation("sigmoid", quantizers.sigmoidGate, training);
  const updateAndReset = (projected: Tensor, recalled: Tensor) => {
    const both = toGate(add(gateColumns(projected, 0, 2, hiddenSize), recalled));
    return { z: gateColumns(both, 0, 1, hiddenSize), r: gateColumns(both, 1, 2, hiddenSize) };
  };
  return { updateAndReset, squash: gateActivation("tanh", quantizers.tanhGate, training) };
}
