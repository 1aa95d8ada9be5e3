import { type Dtype, type HostArray, type HostTensor, isPacked } from "./dtype.js";
import { GraphError } from "./errors.js";
import { elementsOf } from "./shape.js";
import type { Tensor } from "./tensor.js";

/**
 * Computes a small graph here and now, by the references of its operations: for tables and bounds that a layer works out of formulas while
 * it builds. Values are float32, each operation rounds once.
 *
 * @param inputs  the values of its inputs, where it has any
 * @throws {GraphError} for a variable, whose value an engine holds; for an input without values, and packed codes
 */
export function evaluateByReference(tensor: Tensor, inputs: ReadonlyMap<Tensor, HostArray> = new Map()): HostTensor {
  const known = new Map<Tensor, HostTensor>();
  const visit = (node: Tensor): HostTensor => {
    const value = known.get(node) ?? compute(node, () => node.inputs.map(visit), inputs.get(node));
    known.set(node, value);
    return value;
  };
  return visit(tensor);
}

function compute(node: Tensor, values: () => HostTensor[], given: HostArray | undefined): HostTensor {
  const { op, shape, dtype, attributes } = node;
  const source = given ?? (op.name === "constant" ? (attributes.data as HostArray) : undefined);
  if (source) return { shape, dtype, data: source };
  if (op.isView) return { shape, dtype, data: values()[0].data };
  if (!op.reference || isPacked(dtype)) {
    throw new GraphError(`${op.name} can't be computed without an engine`, {
      want: "constants, inputs that are given, and operations with a reference",
      got: op.name,
    });
  }
  const out = { shape, dtype, data: emptyArray(dtype, elementsOf(shape)) };
  op.reference(out, values(), attributes);
  return out;
}

function emptyArray(dtype: Dtype, elements: number): HostArray {
  if (dtype === "f32") return new Float32Array(elements);
  return dtype === "i32" ? new Int32Array(elements) : new Uint8Array(elements);
}
