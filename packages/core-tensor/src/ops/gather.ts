import { defineOp, type Op } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { DtypeError, ShapeError } from "../graph/errors.js";

/**
 * Rows of a table by index: table [V, …], indices of any shape (i32) → [indices…, …].
 * An index outside 0 … V − 1 gives NaN, which the finite check of a step names.
 *
 * Gradient  gatherGradient: dy added up in the rows that it came from
 */
export const gather: Op<2> = defineOp({
  name: "gather",
  arity: 2,
  shape: ([table, indices]) => {
    if (table.length < 1) throw new ShapeError({ op: "gather", want: "a table [V, …]", got: { table, indices } });
    return [...indices, ...table.slice(1)];
  },
  dtype: ([table, indices]: readonly Dtype[]) => {
    if (table === "f32" && indices === "i32") return "f32";
    throw new DtypeError({ op: "gather", want: "a table of f32 and indices of i32", got: { table, indices } });
  },
  gradient: (dy, [table, indices]) => [gatherGradient(indices, dy, { rows: table.shape[0] }), null],
  reference: (out, [table, indices]) => {
    const width = indices.data.length === 0 ? 0 : out.data.length / indices.data.length;
    for (let i = 0; i < indices.data.length; i++) {
      const row = indices.data[i];
      for (let j = 0; j < width; j++) {
        out.data[i * width + j] = row >= 0 && row < table.shape[0] ? table.data[row * width + j] : Number.NaN;
      }
    }
  },
  examples: [
    {
      shapes: [
        [5, 3],
        [2, 4],
      ],
      dtypes: ["f32", "i32"],
    },
  ],
});

/** gather backwards: indices […], dy [indices…, …] → [rows, …], rows that were read twice added up in order. */
export const gatherGradient: Op<2, { rows: number }> = defineOp({
  name: "gatherGradient",
  arity: 2,
  shape: ([indices, dy], { rows }) => {
    if (dy.length < indices.length || indices.some((size, axis) => size !== dy[axis])) {
      throw new ShapeError({
        op: "gatherGradient",
        want: "dy that begins with the shape of indices",
        got: { indices, dy },
      });
    }
    return [rows, ...dy.slice(indices.length)];
  },
  dtype: ([indices, dy]: readonly Dtype[]) => {
    if (indices === "i32" && dy === "f32") return "f32";
    throw new DtypeError({ op: "gatherGradient", want: "indices of i32 and dy of f32", got: { indices, dy } });
  },
  gradient: (dz, [indices]) => [null, gather(dz, indices)],
  reference: (out, [indices, dy]) => {
    const [rows] = out.shape;
    const width = rows === 0 ? 0 : out.data.length / rows;
    const sums = new Float64Array(out.data.length);
    for (let i = 0; i < indices.data.length; i++) {
      const row = indices.data[i];
      if (row < 0 || row >= rows) continue;
      for (let j = 0; j < width; j++) sums[row * width + j] += dy.data[i * width + j];
    }
    out.data.set(sums);
  },
  examples: [
    {
      shapes: [
        [2, 4],
        [2, 4, 3],
      ],
      dtypes: ["i32", "f32"],
      attributes: { rows: 5 },
    },
  ],
});
