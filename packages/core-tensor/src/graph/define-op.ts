import type { Dtype, HostArray } from "./dtype.js";
import { ArgumentError, DtypeError, GraphError, LowbitError } from "./errors.js";
import { checkShape, type Shape } from "./shape.js";
import { constantOf } from "./sources.js";
import { type Attributes, currentLayer, Tensor } from "./tensor.js";
import { Variable } from "./variable.js";

/** Whatever an operation takes for an input: a tensor, a variable (read before the step), or a number (an f32 scalar). */
export type TensorLike = Tensor | Variable | number;

/** One operand or result of a reference kernel: row-major values and what they are. */
export interface Values {
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly data: HostArray;
}

/** A small case from which tests make gradient checks, backend comparisons and hostile inputs. */
export interface OpExample {
  readonly shapes: readonly Shape[];
  readonly attributes?: Attributes;
  /** dtypes of the inputs; f32 where absent. */
  readonly dtypes?: readonly Dtype[];
  /** Values are drawn from here; [-2, 2] where absent. Integers are drawn for i32, u8 and bool. */
  readonly range?: readonly [number, number];
  /** Points where the function has a corner or a jump: finite differences keep away from them. */
  readonly kinks?: readonly number[];
}

/** How an element-wise operation is named in a fused pass: f32 in, f32 out, one value per element. */
export interface ElementwiseCode {
  readonly code: string;
  readonly immediates?: (attributes: Attributes) => readonly number[];
}

export interface GradientContext {
  readonly output: Tensor;
  readonly attributes: Attributes;
}

/** An operation: name, shape rule, gradient and reference kernel in one object. */
export interface OpDeclaration {
  readonly name: string;
  /** Checks and completes what the caller wrote; throws ArgumentError. */
  readonly normalise?: (attributes: Attributes, shapes: readonly Shape[]) => Attributes;
  readonly shape: (shapes: readonly Shape[], attributes: Attributes) => Shape;
  /** dtype of the result; where absent every input must be f32 and so is the result. */
  readonly dtype?: (dtypes: readonly Dtype[], attributes: Attributes) => Dtype;
  /** One tensor per input, null where the input has no gradient. Absent: asking for a gradient throws. */
  readonly gradient?: (dy: Tensor, inputs: readonly Tensor[], context: GradientContext) => readonly (Tensor | null)[];
  /** Plain loops over row-major values: the oracle of every backend. Absent only for sources and views. */
  readonly reference?: (out: Values, inputs: readonly Values[], attributes: Attributes) => void;
  readonly elementwise?: ElementwiseCode;
  /** The result shares the bytes of the first input (reshape, stop-gradient). */
  readonly isView?: boolean;
  /** The declared gradient is not the derivative of the value (straight-through): no finite differences. */
  readonly isStraightThrough?: boolean;
  readonly examples: readonly OpExample[];
}

type Operands<N extends number> = N extends 1
  ? [TensorLike]
  : N extends 2
    ? [TensorLike, TensorLike]
    : N extends 3
      ? [TensorLike, TensorLike, TensorLike]
      : N extends 4
        ? [TensorLike, TensorLike, TensorLike, TensorLike]
        : N extends 5
          ? [TensorLike, TensorLike, TensorLike, TensorLike, TensorLike]
          : TensorLike[];

type Arguments<N extends number, A> = [A] extends [undefined]
  ? Operands<N>
  : undefined extends A
    ? [...Operands<N>, A?]
    : [...Operands<N>, A];

/** An operation as callers see it: `matmul(a, b)`, `clip(x, { min, max })`. */
export type Op<N extends number, A = undefined> = ((...args: Arguments<N, A>) => Tensor) & {
  readonly declaration: OpDeclaration;
};

function toTensor(value: TensorLike): Tensor {
  if (value instanceof Tensor) return value;
  if (value instanceof Variable) return value.tensor;
  return constantOf(value);
}

/** Builds one node after checking dtypes and shapes; every operation and every stored graph goes through here. */
export function buildNode(
  declaration: OpDeclaration,
  inputs: readonly TensorLike[],
  attributes?: Attributes,
  layer: string = currentLayer(),
): Tensor {
  const tensors = inputs.map(toTensor);
  const dtypes = tensors.map((tensor) => tensor.dtype);
  const shapes = tensors.map((tensor) => tensor.shape);
  try {
    const complete = declaration.normalise ? declaration.normalise(attributes, shapes) : attributes;
    const dtype = declaration.dtype ? declaration.dtype(dtypes, complete) : onlyF32(declaration.name, dtypes);
    const shape = checkShape(declaration.name, declaration.shape(shapes, complete));
    return new Tensor(declaration, tensors, complete, shape, dtype, layer);
  } catch (cause) {
    throw explainRefusal(cause, declaration.name, layer, { inputs: shapes.map(String), attributes });
  }
}

function onlyF32(op: string, dtypes: readonly Dtype[]): Dtype {
  if (dtypes.every((dtype) => dtype === "f32")) return "f32";
  throw new DtypeError({ op, want: "f32 inputs", got: dtypes });
}

/** Errors of ours pass; what a rule stumbled over (attributes that are no object, a rank it did not expect) gets a name. */
function explainRefusal(cause: unknown, op: string, layer: string, got: unknown): unknown {
  if (cause instanceof LowbitError) return cause;
  return new ArgumentError(`${op} can't be built from these inputs and attributes`, {
    op,
    layer: layer || undefined,
    want: "the shapes and attributes that its documentation names",
    got,
    cause,
  });
}

/** Declares an operation with `N` inputs and attributes `A`. */
export function defineOp<N extends number, A = undefined>(declaration: OpDeclaration & { arity: N }): Op<N, A> {
  const call = (...args: unknown[]): Tensor => {
    const inputs = args.slice(0, declaration.arity) as TensorLike[];
    if (inputs.length < declaration.arity || inputs.some((input) => !isTensorLike(input))) {
      throw new GraphError(`${declaration.name} takes ${declaration.arity} tensors`, {
        op: declaration.name,
        want: "tensors, variables or numbers",
        got: args.length,
      });
    }
    return buildNode(declaration, inputs, args[declaration.arity]);
  };
  return Object.assign(call, { declaration }) as unknown as Op<N, A>;
}

function isTensorLike(value: unknown): value is TensorLike {
  return value instanceof Tensor || value instanceof Variable || typeof value === "number";
}
