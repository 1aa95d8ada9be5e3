import { buildNode, defineOp, type Op, type OpDeclaration, type TensorLike } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { ArgumentError, DtypeError, ShapeError } from "../graph/errors.js";
import { elementsOf, normaliseAxis, type Shape, stridesOf } from "../graph/shape.js";
import type { Tensor } from "../graph/tensor.js";

/** dtype rule of operations that only move values. */
export const sameDtype =
  (op: string) =>
  (dtypes: readonly Dtype[]): Dtype => {
    if (dtypes.some((dtype) => dtype !== dtypes[0])) {
      throw new DtypeError({ op, want: "inputs of one dtype", got: dtypes });
    }
    return dtypes[0];
  };

function resolveShape(from: Shape, to: Shape): Shape {
  const unknown = to.indexOf(-1);
  const fail = () =>
    new ShapeError({ op: "reshape", want: "as many elements as before; one axis may be -1", got: { from, to } });
  if (unknown < 0) {
    if (elementsOf(from) !== elementsOf(to)) throw fail();
    return to;
  }
  const rest = elementsOf(to.filter((_, axis) => axis !== unknown));
  if (to.lastIndexOf(-1) !== unknown || rest === 0 || elementsOf(from) % rest !== 0) throw fail();
  return to.map((size) => (size === -1 ? elementsOf(from) / rest : size));
}

/**
 * The same values in row-major order under another shape; one axis may be −1 and is worked out.
 *
 * Gradient  dx = reshape(dy, shape of x)
 */
export const reshape: Op<1, { shape: Shape }> = defineOp({
  name: "reshape",
  arity: 1,
  shape: ([x], { shape }) => resolveShape(x, shape),
  dtype: sameDtype("reshape"),
  isView: true,
  gradient: (dy, [x]) => [reshape(dy, { shape: x.shape })],
  examples: [
    { shapes: [[2, 6]], attributes: { shape: [3, 4] } },
    { shapes: [[2, 3, 4]], attributes: { shape: [2, -1] } },
  ],
});

/** The value of x; nothing flows back. */
export const stopGradient: Op<1> = defineOp({
  name: "stopGradient",
  arity: 1,
  shape: ([x]) => x,
  dtype: sameDtype("stopGradient"),
  isView: true,
  isStraightThrough: true,
  gradient: () => [null],
  examples: [{ shapes: [[2, 3]] }],
});

/** Axes in another order: out.shape[i] = x.shape[permutation[i]]; without a permutation, reversed. Gradient: the inverse. */
export const transpose: Op<1, { permutation: readonly number[] } | undefined> = defineOp({
  name: "transpose",
  arity: 1,
  normalise: (attributes, [x]) => {
    const permutation: number[] = attributes?.permutation ?? x.map((_, axis) => x.length - 1 - axis);
    if (permutation.length !== x.length || [...permutation].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
      throw new ArgumentError(`transpose can't permute [${x}] by [${permutation}]`, {
        want: "every axis exactly once",
      });
    }
    return { permutation };
  },
  shape: ([x], { permutation }) => permutation.map((axis: number) => x[axis]),
  dtype: sameDtype("transpose"),
  gradient: (dy, _, { attributes }) => {
    const inverse = new Array<number>(attributes.permutation.length);
    attributes.permutation.forEach((axis: number, i: number) => {
      inverse[axis] = i;
    });
    return [transpose(dy, { permutation: inverse })];
  },
  reference: (out, [x], { permutation }) => {
    const strides = stridesOf(x.shape);
    visit(
      out.shape,
      permutation.map((axis: number) => strides[axis]),
      (i, at) => {
        out.data[i] = x.data[at];
      },
    );
  },
  examples: [
    { shapes: [[3, 4]], attributes: undefined },
    { shapes: [[2, 3, 4]], attributes: { permutation: [1, 2, 0] } },
  ],
});

/** Walks `shape` row-major: i counts up, `at` follows the strides. */
function visit(shape: Shape, strides: readonly number[], each: (i: number, at: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const elements = elementsOf(shape);
  let at = 0;
  for (let i = 0; i < elements; i++) {
    each(i, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

function checkSlice(x: Shape, begin: readonly number[], asked: readonly number[]): Shape {
  const size = asked.map((each, axis) => (each === -1 ? x[axis] - begin[axis] : each));
  const fits = (axis: number) =>
    Number.isInteger(begin[axis]) &&
    Number.isInteger(size[axis]) &&
    begin[axis] >= 0 &&
    size[axis] >= 0 &&
    begin[axis] + size[axis] <= x[axis];
  if (begin.length !== x.length || size.length !== x.length || !x.every((_, axis) => fits(axis))) {
    throw new ShapeError({
      op: "slice",
      want: "begin and size inside x for every axis",
      got: { x, begin, size: asked },
    });
  }
  return size;
}

/** The block of `size` that starts at `begin`; a size of −1 reaches to the end of its axis. Gradient: dy in a field of zeros. */
export const slice: Op<1, { begin: readonly number[]; size: readonly number[] }> = defineOp({
  name: "slice",
  arity: 1,
  shape: ([x], { begin, size }) => checkSlice(x, begin, size),
  dtype: sameDtype("slice"),
  gradient: (dy, [x], { attributes }) => [
    zeroPad(dy, {
      before: attributes.begin,
      after: x.shape.map((whole, axis) => whole - attributes.begin[axis] - dy.shape[axis]),
    }),
  ],
  reference: (out, [x], { begin }) => {
    const strides = stridesOf(x.shape);
    const start = begin.reduce((sum: number, from: number, axis: number) => sum + from * strides[axis], 0);
    visit(out.shape, strides, (i, at) => {
      out.data[i] = x.data[start + at];
    });
  },
  examples: [
    { shapes: [[4, 5]], attributes: { begin: [1, 2], size: [2, 3] } },
    { shapes: [[4, 5]], attributes: { begin: [1, 2], size: [-1, 2] } },
  ],
});

/** x in a field of zeros: `before` and `after` new elements along each axis. Gradient: the block cut out again. */
export const zeroPad: Op<1, { before: readonly number[]; after: readonly number[] }> = defineOp({
  name: "zeroPad",
  arity: 1,
  shape: ([x], { before, after }) => {
    if (
      before.length !== x.length ||
      after.length !== x.length ||
      [...before, ...after].some((n: number) => !(n >= 0))
    ) {
      throw new ShapeError({ op: "zeroPad", want: "before and after ≥ 0 for every axis", got: { x, before, after } });
    }
    return x.map((size, axis) => size + before[axis] + after[axis]);
  },
  dtype: sameDtype("zeroPad"),
  gradient: (dy, [x], { attributes }) => [slice(dy, { begin: attributes.before, size: x.shape })],
  reference: (out, [x], { before }) => {
    out.data.fill(0);
    const strides = stridesOf(out.shape);
    const start = before.reduce((sum: number, from: number, axis: number) => sum + from * strides[axis], 0);
    visit(x.shape, strides, (i, at) => {
      out.data[start + at] = x.data[i];
    });
  },
  examples: [{ shapes: [[2, 3]], attributes: { before: [1, 0], after: [0, 2] } }],
});

/** Any number of inputs; the function below is how callers build it. */
export const concatDeclaration: OpDeclaration = {
  name: "concat",
  normalise: ({ axis }, [first]) => ({ axis: normaliseAxis("concat", axis, first.length) }),
  shape: (shapes, { axis }) => {
    const [first] = shapes;
    const fits = (x: Shape) => x.length === first.length && x.every((size, i) => i === axis || size === first[i]);
    if (!shapes.every(fits)) {
      throw new ShapeError({
        op: "concat",
        want: `equal sizes but along axis ${axis}`,
        got: { shapes: shapes.map(String) },
      });
    }
    return first.map((size, i) => (i === axis ? shapes.reduce((sum, x) => sum + x[axis], 0) : size));
  },
  dtype: sameDtype("concat"),
  gradient: (dy, inputs, { attributes: { axis } }) => {
    let from = 0;
    return inputs.map((x) => {
      const begin = x.shape.map((_, i) => (i === axis ? from : 0));
      from += x.shape[axis];
      return slice(dy, { begin, size: x.shape });
    });
  },
  reference: (out, inputs, { axis }) => {
    const strides = stridesOf(out.shape);
    let start = 0;
    for (const x of inputs) {
      visit(x.shape, strides, (i, at) => {
        out.data[start + at] = x.data[i];
      });
      start += x.shape[axis] * strides[axis];
    }
  },
  examples: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      attributes: { axis: 1 },
    },
    {
      shapes: [
        [2, 3],
        [1, 3],
      ],
      attributes: { axis: 0 },
    },
  ],
};

/** Tensors one behind the other along `axis`; all other sizes equal, one dtype. Gradient: dy cut into the same pieces. */
export function concat(tensors: readonly TensorLike[], { axis }: { axis: number }): Tensor {
  if (tensors.length === 0) throw new ArgumentError("concat needs at least one tensor");
  return buildNode(concatDeclaration, tensors, { axis });
}
