import {
  ArgumentError,
  add,
  inLayer,
  matmul,
  multiply,
  sigmoid,
  subtract,
  type Tensor,
  tanh,
} from "@lowbit/core-tensor";
import { gateBias, recurrentMatrix } from "./cell-parameters.js";
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
 * @throws {ArgumentError} for sizes that are no whole numbers from 1, and a reset that is neither
 * Sources: Cho et al., arXiv 1406.1078; reset after: arXiv 1406.1078v1 and cuDNN
 */
export function gruCell(options: GruCellOptions): RecurrentCell {
  checkSizes(options);
  const { name, inputSize, hiddenSize, reset = "after" } = options;
  if (reset !== "after" && reset !== "before") {
    throw new ArgumentError(`a GRU can't reset "${reset}"`, { layer: name, want: '"after" or "before"', got: reset });
  }
  const weight = recurrentMatrix(`${name}.weight`, [3 * hiddenSize, inputSize], options);
  const bias = gateBias(`${name}.bias`, [0, 0, 0], options);
  const part = reset === "after" ? resetAfter(options) : resetBefore(options);
  return {
    name,
    inputSize,
    hiddenSize,
    stateNames: ["hidden"],
    variables: [weight, bias, ...part.variables],
    project: (x) => inLayer(name, () => add(matmul(x, weight, { transposeB: true }), bias)),
    step: (projected, { hidden }) =>
      inLayer(name, () => {
        const { z, candidate } = part.gates(projected, hidden);
        // n + z · (h − n) is (1 − z) · n + z · h with a product less
        return { hidden: add(candidate, multiply(z, subtract(hidden, candidate))) };
      }),
  };
}

interface RecurrentPart extends Pick<RecurrentCell, "variables"> {
  gates(projected: Tensor, hidden: Tensor): { readonly z: Tensor; readonly candidate: Tensor };
}

function resetAfter(options: CellOptions): RecurrentPart {
  const { name, hiddenSize } = options;
  const recurrent = recurrentMatrix(`${name}.recurrent`, [3 * hiddenSize, hiddenSize], options);
  const recurrentBias = gateBias(`${name}.recurrentBias`, [0], options);
  return {
    variables: [recurrent, recurrentBias],
    gates: (projected, hidden) => {
      const recalled = matmul(hidden, recurrent, { transposeB: true });
      const { z, r } = updateAndReset(projected, gateColumns(recalled, 0, 2, hiddenSize), hiddenSize);
      const memory = add(gateColumns(recalled, 2, 3, hiddenSize), recurrentBias);
      return { z, candidate: tanh(add(gateColumns(projected, 2, 3, hiddenSize), multiply(r, memory))) };
    },
  };
}

function resetBefore(options: CellOptions): RecurrentPart {
  const { name, hiddenSize } = options;
  const recurrent = recurrentMatrix(`${name}.recurrent`, [2 * hiddenSize, hiddenSize], options);
  const recurrentCandidate = recurrentMatrix(`${name}.recurrentCandidate`, [hiddenSize, hiddenSize], options);
  return {
    variables: [recurrent, recurrentCandidate],
    gates: (projected, hidden) => {
      const { z, r } = updateAndReset(projected, matmul(hidden, recurrent, { transposeB: true }), hiddenSize);
      const memory = matmul(multiply(r, hidden), recurrentCandidate, { transposeB: true });
      return { z, candidate: tanh(add(gateColumns(projected, 2, 3, hiddenSize), memory)) };
    },
  };
}

function updateAndReset(projected: Tensor, recalled: Tensor, hiddenSize: number) {
  const both = sigmoid(add(gateColumns(projected, 0, 2, hiddenSize), recalled));
  return { z: gateColumns(both, 0, 1, hiddenSize), r: gateColumns(both, 1, 2, hiddenSize) };
}
