import { elementsOf, type HostTensor, type Tensor } from "@lowbit/core-tensor";
import { field, floats, message, text } from "./protobuf.js";

// The pieces that ONNX models are made of, as bytes.

export const FLOAT = 1;
export const INT64 = 7;

export function attributeOfInts(name: string, values: readonly number[]): Uint8Array {
  return message(field(1, text(name)), ...values.map((value) => field(8, value)), field(20, 7));
}

export function attributeOfInt(name: string, value: number): Uint8Array {
  return message(field(1, text(name)), field(3, value), field(20, 2));
}

export function node(
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

export function initializer(name: string, dims: readonly number[], dataType: number, raw: Uint8Array): Uint8Array {
  return message(...dims.map((dim) => field(1, dim)), field(2, dataType), field(8, text(name)), field(9, raw));
}

export function valueInfo(name: string, dims: readonly number[]): Uint8Array {
  const shape = message(...dims.map((dim) => field(1, message(field(1, dim)))));
  return message(field(1, text(name)), field(2, message(field(1, message(field(1, FLOAT), field(2, shape))))));
}

/** A weight as it is. */
export function floatInitializer(name: string, { shape, data }: HostTensor): Uint8Array {
  if (data.length !== elementsOf(shape)) throw new Error(`the values of ${name} do not fill its shape`);
  return initializer(name, shape, FLOAT, floats(data));
}

/** What an ONNX model is made of. */
export interface ModelParts {
  readonly nodes: Uint8Array[];
  readonly weights: Uint8Array[];
  readonly inputs: Uint8Array[];
}

/** The graph's inputs keep their names, its result is "output". */
export const nameIn =
  (output: Tensor) =>
  (each: Tensor): string =>
    each.op.name === "input" ? each.attributes.name : each === output ? "output" : `t${each.id}`;

/** A model of opset 13 with one result of this shape. */
export function encodeModel({ nodes, weights, inputs }: ModelParts, outputShape: readonly number[]): Uint8Array {
  const graph = message(
    ...nodes.map((each) => field(1, each)),
    field(2, text("lowbit")),
    ...weights.map((each) => field(5, each)),
    ...inputs.map((each) => field(11, each)),
    field(12, valueInfo("output", outputShape)),
  );
  return message(field(1, 8), field(7, graph), field(8, message(field(1, text("")), field(2, 13))));
}
