import type { HostTensor } from "@lowbit/core-tensor";
import { attributeOfInt, encodeModel, FLOAT, initializer, node, valueInfo } from "../../src/peers/onnx/onnx-parts.js";
import { field, floats, message, text } from "../../src/peers/onnx/protobuf.js";

/** ONNX's number of int32. */
const INT32 = 6;

export interface RecurrentModel {
  readonly opType: "LSTM" | "GRU" | "RNN";
  /** [T, N, I] */
  readonly shape: readonly [number, number, number];
  readonly hiddenSize: number;
  /** Rows in ONNX's order of gates: W [gates · H, I], R [gates · H, H], and the two biases [gates · H] each. */
  readonly weight: HostTensor["data"];
  readonly recurrent: HostTensor["data"];
  readonly inputBias: ArrayLike<number>;
  readonly recurrentBias: ArrayLike<number>;
  /** LSTM alone: [3 · H] in ONNX's order i, o, f. */
  readonly peephole?: ArrayLike<number>;
  /** From the last step to the first. */
  readonly reverse?: boolean;
  /** Steps of each sequence; all where absent. */
  readonly lengths?: readonly number[];
  /** GRU alone. */
  readonly linearBeforeReset?: boolean;
  /** RNN alone: "Relu" in place of ONNX's "Tanh". */
  readonly activation?: string;
}

/** One of ONNX's recurrent operations as a model: x, hidden and, for an LSTM, cell → output [T, 1, N, H]. */
export function encodeRecurrent(model: RecurrentModel): Uint8Array {
  const { opType, shape, hiddenSize, weight, recurrent, inputBias, recurrentBias, lengths, peephole } = model;
  const [T, N, I] = shape;
  const rows = inputBias.length;
  const states = opType === "LSTM" ? ["hidden", "cell"] : ["hidden"];
  const attributes = [attributeOfInt("hidden_size", hiddenSize)];
  if (model.linearBeforeReset) attributes.push(attributeOfInt("linear_before_reset", 1));
  if (model.reverse) {
    attributes.push(message(field(1, text("direction")), field(4, text("reverse")), field(20, 3)));
  }
  if (model.activation) {
    attributes.push(message(field(1, text("activations")), field(9, text(model.activation)), field(20, 8)));
  }
  const parts = {
    nodes: [
      node(
        opType,
        ["x", "W", "R", "B", lengths ? "lengths" : "", ...states, ...(peephole ? ["P"] : [])],
        "output",
        attributes,
      ),
    ],
    weights: [
      initializer("W", [1, rows, I], FLOAT, floats(weight)),
      initializer("R", [1, rows, hiddenSize], FLOAT, floats(recurrent)),
      initializer("B", [1, 2 * rows], FLOAT, floats([...Array.from(inputBias), ...Array.from(recurrentBias)])),
      ...(lengths ? [initializer("lengths", [N], INT32, new Uint8Array(Int32Array.from(lengths).buffer))] : []),
      ...(peephole ? [initializer("P", [1, peephole.length], FLOAT, floats(Array.from(peephole)))] : []),
    ],
    inputs: [valueInfo("x", shape), ...states.map((name) => valueInfo(name, [1, N, hiddenSize]))],
  };
  return encodeModel(parts, [T, 1, N, hiddenSize]);
}
