import { elementsOf, type HostTensor, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { field, floats, integers, message, text } from "./protobuf.js";

// An evaluation graph of ours as an ONNX model of opset 13, so that a peer runs the same network on the same weights.
// Enough operations for the networks that are compared here, and no more.

const FLOAT = 1;
const INT64 = 7;

function attributeOfInts(name: string, values: readonly number[]): Uint8Array {
  return message(field(1, text(name)), ...values.map((value) => field(8, value)), field(20, 7));
}

function attributeOfInt(name: string, value: number): Uint8Array {
  return message(field(1, text(name)), field(3, value), field(20, 2));
}

function node(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly Uint8Array[] = [],
): Uint8Array {
  return message(
    ...inputs.map((each) => field(1, text(each))),
    field(2, text(output)),
    field(4, text(opType)),
    ...attributes.map((each) => field(5, each)),
  );
}

function initializer(name: string, dims: readonly number[], dataType: number, raw: Uint8Array): Uint8Array {
  return message(...dims.map((dim) => field(1, dim)), field(2, dataType), field(8, text(name)), field(9, raw));
}

function valueInfo(name: string, dims: readonly number[]): Uint8Array {
  const shape = message(...dims.map((dim) => field(1, message(field(1, dim)))));
  return message(field(1, text(name)), field(2, message(field(1, message(field(1, FLOAT), field(2, shape))))));
}

const plain = new Map([
  ["add", "Add"],
  ["subtract", "Sub"],
  ["multiply", "Mul"],
  ["divide", "Div"],
  ["sqrt", "Sqrt"],
  ["relu", "Relu"],
]);

/** ONNX's node for one of ours; `extra` takes the initializers that it needs beside its inputs. */
function encodeNode(each: Tensor, inputs: readonly string[], output: string, extra: Uint8Array[]): Uint8Array {
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
  const order = topologicalOrder([output]);
  const nameOf = (each: Tensor): string =>
    each.op.name === "input" ? each.attributes.name : each === output ? "output" : `t${each.id}`;
  const inputs: Uint8Array[] = [];
  const weights: Uint8Array[] = [];
  const nodes: Uint8Array[] = [];
  for (const each of order) {
    if (each.op.name === "input") inputs.push(valueInfo(nameOf(each), each.shape));
    else if (each.inputs.length > 0) nodes.push(encodeNode(each, each.inputs.map(nameOf), nameOf(each), weights));
    else {
      const { shape, data } = values(each);
      if (data.length !== elementsOf(shape)) throw new Error(`the values of ${nameOf(each)} do not fill its shape`);
      weights.push(initializer(nameOf(each), shape, FLOAT, floats(data)));
    }
  }
  const graph = message(
    ...nodes.map((each) => field(1, each)),
    field(2, text("lowbit")),
    ...weights.map((each) => field(5, each)),
    ...inputs.map((each) => field(11, each)),
    field(12, valueInfo("output", output.shape)),
  );
  return message(field(1, 8), field(7, graph), field(8, message(field(1, text("")), field(2, 13))));
}

/** The values that variables start from, and constants as they are. */
export function initialValues({ op, attributes, shape, dtype }: Tensor): HostTensor {
  return { shape, dtype, data: op.name === "variable" ? attributes.variable.initial : attributes.data };
}
