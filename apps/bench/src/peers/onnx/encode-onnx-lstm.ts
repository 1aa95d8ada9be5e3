import type { HostTensor } from "@lowbit/core-tensor";
import { attributeOfInt, encodeModel, floatInitializer, node, valueInfo } from "./onnx-parts.js";

/**
 * An ONNX model of one LSTM node, x [steps, batch, size] → output [steps, 1, batch, size], over the matrices of our cell: its gates lie
 * in ONNX's order. ONNX has two biases of which only the sum counts; the second is 0 here.
 */
export function encodeOnnxLstm(
  weights: ReadonlyMap<string, HostTensor>,
  { size, steps, batch }: { readonly size: number; readonly steps: number; readonly batch: number },
): Uint8Array {
  const own = (name: string): Float32Array => {
    const found = weights.get(name)?.data;
    if (!(found instanceof Float32Array)) throw new Error(`the cell has no ${name} in fp32`);
    return found;
  };
  const bias = new Float32Array(8 * size);
  bias.set(own("bias"));
  const tensors: readonly [string, HostTensor][] = [
    ["weight", { dtype: "f32", shape: [1, 4 * size, size], data: own("weight") }],
    ["recurrent", { dtype: "f32", shape: [1, 4 * size, size], data: own("recurrent") }],
    ["bias", { dtype: "f32", shape: [1, 8 * size], data: bias }],
  ];
  return encodeModel(
    {
      nodes: [node("LSTM", ["x", ...tensors.map(([name]) => name)], "output", [attributeOfInt("hidden_size", size)])],
      weights: tensors.map(([name, tensor]) => floatInitializer(name, tensor)),
      inputs: [valueInfo("x", [steps, batch, size])],
    },
    [steps, 1, batch, size],
  );
}
