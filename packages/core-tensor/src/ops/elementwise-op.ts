import { defineOp, type Op, type OpDeclaration, type OpExample, type Values } from "../graph/define-op.js";
import type { Dtype, HostArray } from "../graph/dtype.js";
import { DtypeError } from "../graph/errors.js";
import { broadcastShapes, elementsOf, type Shape, sameShape, stridesOf } from "../graph/shape.js";
import type { Attributes } from "../graph/tensor.js";

export interface ElementwiseDeclaration<N extends number>
  extends Pick<OpDeclaration, "normalise" | "gradient" | "dtype" | "isStraightThrough"> {
  readonly name: string;
  readonly arity: N;
  /** The value of one element from those of the operands; absent ones are 0. */
  readonly apply: (a: number, b: number, c: number, attributes: Attributes) => number;
  /** Numbers that a fused pass needs beside the operands, in the order of its kernel. */
  readonly immediates?: (attributes: Attributes) => readonly number[];
  /** Result is bool: 1 or 0. */
  readonly isComparison?: boolean;
  readonly examples?: readonly OpExample[];
  readonly range?: readonly [number, number];
  readonly kinks?: readonly number[];
  readonly exampleAttributes?: Attributes;
}

/** Element strides of an operand seen in `shape`: 0 along every axis that it stretches over. */
export function broadcastStrides(operand: Shape, shape: Shape): number[] {
  const own = stridesOf(operand);
  const offset = shape.length - operand.length;
  return shape.map((_, axis) => (axis < offset || operand[axis - offset] === 1 ? 0 : own[axis - offset]));
}

/** An operand as the loop reads it: element i of the result takes data[i · step]. */
interface Column<Data extends HostArray = HostArray> {
  readonly data: Data;
  readonly step: 0 | 1;
}

type Apply = (a: number, b: number, c: number, attributes: Attributes) => number;

function applyToAny(apply: Apply, out: HostArray, a: Column, b: Column, c: Column, attributes: Attributes): void {
  for (let i = 0; i < out.length; i++) {
    out[i] = apply(a.data[i * a.step], b.data[i * b.step], c.data[i * c.step], attributes);
  }
}

/** The same loop again, for float32 alone: an engine compiles it for one kind of array, and it runs several times as fast. */
function applyToF32(
  apply: Apply,
  out: Float32Array,
  { data: a, step: aStep }: Column<Float32Array>,
  { data: b, step: bStep }: Column<Float32Array>,
  { data: c, step: cStep }: Column<Float32Array>,
  attributes: Attributes,
): void {
  for (let i = 0; i < out.length; i++) out[i] = apply(a[i * aStep], b[i * bStep], c[i * cStep], attributes);
}

function stretch(operand: Values, shape: Shape): Column {
  if (operand.data.length === 1) return { data: operand.data, step: 0 };
  if (sameShape(operand.shape, shape)) return { data: operand.data, step: 1 };
  return { data: spread(operand, shape), step: 1 };
}

/** The operand's values repeated over `shape`, row-major. */
function spread(operand: Values, shape: Shape): HostArray {
  const elements = elementsOf(shape);
  const strides = broadcastStrides(operand.shape, shape);
  const out = operand.data instanceof Float32Array ? new Float32Array(elements) : new Float64Array(elements);
  const index = new Array<number>(shape.length).fill(0);
  let at = 0;
  for (let i = 0; i < elements; i++) {
    out[i] = operand.data[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

const nothing: Column = { data: new Float32Array(1), step: 0 };

function f32Operands(name: string, isComparison: boolean) {
  return (dtypes: readonly Dtype[]): Dtype => {
    const [first] = dtypes;
    const isIntegerArithmetic = first === "i32" && dtypes.every((dtype) => dtype === "i32");
    if (!isIntegerArithmetic && dtypes.some((dtype) => dtype !== "f32")) {
      throw new DtypeError({ op: name, want: "operands that are all f32, or all i32", got: dtypes });
    }
    return isComparison ? "bool" : first;
  };
}

/**
 * Declares an operation that makes each element of the result from one element of every operand. Operands broadcast:
 * axes align at the right and size 1 stretches. A backend may fuse chains of them into one pass over memory.
 */
export function defineElementwise<N extends number, A = undefined>(declaration: ElementwiseDeclaration<N>): Op<N, A> {
  const { name, arity, apply, range, kinks, exampleAttributes } = declaration;
  const shared = { attributes: exampleAttributes, range, kinks };
  const examples = declaration.examples ?? [
    { ...shared, shapes: Array.from({ length: arity }, () => [3, 5]) },
    { ...shared, shapes: Array.from({ length: arity }, (_, i) => (i === 0 ? [2, 3, 4] : i === 1 ? [3, 1] : [])) },
  ];
  return defineOp<N, A>({
    name,
    arity,
    normalise: declaration.normalise,
    shape: (shapes) => broadcastShapes(name, shapes),
    dtype: declaration.dtype ?? f32Operands(name, declaration.isComparison ?? false),
    gradient: declaration.gradient,
    isStraightThrough: declaration.isStraightThrough,
    elementwise: { code: name, immediates: declaration.immediates },
    reference: (out, inputs, attributes) => {
      const [a, b = nothing, c = nothing] = inputs.map((operand) => stretch(operand, out.shape));
      const isAllF32 = [out, a, b, c].every(({ data }) => data instanceof Float32Array);
      const run = isAllF32 ? applyToF32 : applyToAny;
      run(
        apply,
        out.data as Float32Array,
        a as Column<Float32Array>,
        b as Column<Float32Array>,
        c as Column<Float32Array>,
        attributes,
      );
    },
    examples,
  });
}
