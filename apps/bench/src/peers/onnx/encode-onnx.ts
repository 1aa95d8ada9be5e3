import { type HostTensor, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import {
  attributeOfInt,
  attributeOfInts,
  encodeModel,
  floatInitializer,
  INT64,
  initializer,
  type ModelParts,
  nameIn,
  node,
  valueInfo,
} from "./onnx-parts.js";
import { integers } from "./protobuf.js";

// An evaluation graph of ours as an ONNX model of opset 13, so that a peer runs the same network on the same weights.
// Enough operations for the networks that are compared here, and no more.

const plain = new Map([
  ["add", "Add"],
  ["subtract", "Sub"],
  ["multiply", "Mul"],
  ["divide", "Div"],
  ["sqrt", "Sqrt"],
  ["relu", "Relu"],
]);

/** ONNX's node for one of ours; `extra` takes the initializers that it needs beside its inputs. */
export function encodeNode(each: Tensor, inputs: readonly string[], output: string, extra: Uint8Array[]): Uint8Array {
  const { op, attributes } = each;
  const same = plain.get(op.name);
  if (same) return node(same, inputs, output);
  switch (op.name) {
    case "conv2d": {
      const [top, bottom, left, right] = attributes.padding;
      return node("Conv", inputs, output, [
        attributeOfInts("strides", attributes.stride),
        attributeOfInts("dilations", attributes.dilation),
        attributeOfInts("pads", [top, left, bottom, right]),
        attributeOfInt("group", attributes.groups),
      ]);
    }
    case "maxPool2d": {
      const [top, bottom, left, right] = attributes.padding;
      return node("MaxPool", inputs, output, [
        attributeOfInts("kernel_shape", attributes.window),
        attributeOfInts("strides", attributes.stride),
        attributeOfInts("pads", [top, left, bottom, right]),
      ]);
    }
    case "matmul":
      return node("Gemm", inputs, output, [
        attributeOfInt("transA", attributes.transposeA ? 1 : 0),
        attributeOfInt("transB", attributes.transposeB ? 1 : 0),
      ]);
    case "mean":
      return node("ReduceMean", inputs, output, [
        attributeOfInts("axes", attributes.axes),
        attributeOfInt("keepdims", attributes.keepDims ? 1 : 0),
      ]);
    case "reshape": {
      const name = `${output}.shape`;
      extra.push(initializer(name, [each.shape.length], INT64, integers(each.shape)));
      return node("Reshape", [...inputs, name], output);
    }
    default:
      throw new Error(`no ONNX operation is known here for ${op.name}`);
  }
}

/** @param output  "output" of the model; the graph's inputs keep their names, its variables and constants become weights */
export function encodeOnnx(output: Tensor, values: (tensor: Tensor) => HostTensor): Uint8Array {
  const nameOf = nameIn(output);
  const parts: ModelParts = { nodes: [], weights: [], inputs: [] };
  for (const each of topologicalOrder([output])) {
    if (each.op.name === "input") parts.inputs.push(valueInfo(nameOf(each), each.shape));
    else if (each.inputs.length === 0) parts.weights.push(floatInitializer(nameOf(each), values(each)));
    else parts.nodes.push(encodeNode(each, each.inputs.map(nameOf), nameOf(each), parts.weights));
  }
  return encodeModel(parts, output.shape);
}

/** The values that variables start from, and constants as they are. */
export function initialValues({ op, attributes, shape, dtype }: Tensor): HostTensor {
  return { shape, dtype, data: op.name === "variable" ? attributes.variable.initial : attributes.data };
}
