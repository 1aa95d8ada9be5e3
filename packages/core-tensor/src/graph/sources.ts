import type { OpDeclaration } from "./define-op.js";
import { bytesOf, type Dtype, type HostTensor, isPacked } from "./dtype.js";
import { ArgumentError, ShapeError } from "./errors.js";
import { checkShape, elementsOf, type Shape } from "./shape.js";
import { currentLayer, Tensor } from "./tensor.js";

const source = (name: string): OpDeclaration => ({
  name,
  shape: (_, attributes) => attributes.shape,
  dtype: (_, attributes) => attributes.dtype,
  examples: [],
});

/** The three kinds of leaves: what a call is given, what never changes, what a step may assign. */
export const inputSource: OpDeclaration = source("input");
export const constantSource: OpDeclaration = source("constant");
export const variableSource: OpDeclaration = source("variable");

/** A placeholder that each run fills; `name` is the key in the object that the compiled function is called with. */
export function input(name: string, shape: Shape, dtype: Dtype = "f32"): Tensor {
  return new Tensor(inputSource, [], { name }, checkShape("input", shape), dtype, currentLayer());
}

/** A value fixed when the program is compiled. A bare number is an f32 scalar. */
export function constantOf(value: number | HostTensor): Tensor {
  if (typeof value === "number") {
    const data = Float32Array.of(value);
    return new Tensor(constantSource, [], { data }, [], "f32", "");
  }
  checkHostTensor("constant", value);
  return new Tensor(constantSource, [], { data: value.data }, value.shape, value.dtype, currentLayer());
}

const arrayKinds: Record<string, readonly string[]> = { f32: ["Float32Array", "Float64Array"], i32: ["Int32Array"] };

/** Shape, dtype and length of host data agree; throws otherwise. f32 values may come with float64 precision. */
export function checkHostTensor(what: string, value: HostTensor): void {
  checkShape(what, value.shape);
  const kinds = arrayKinds[value.dtype] ?? ["Uint8Array"];
  const name = Object.prototype.toString.call(value.data).slice(8, -1);
  if (!kinds.includes(name)) {
    throw new ArgumentError(`${what} of dtype ${value.dtype} can't hold ${name}`, {
      want: kinds.join(" or "),
      got: name,
    });
  }
  const elements = elementsOf(value.shape);
  const length = isPacked(value.dtype) ? bytesOf(value.dtype, elements) : elements;
  if (value.data.length !== length) {
    throw new ShapeError({
      op: what,
      want: `${length} ${isPacked(value.dtype) ? "bytes" : "values"} for its shape`,
      got: { shape: [...value.shape], values: value.data.length },
    });
  }
}
