import { defineOp, type Op } from "../graph/define-op.js";
import { ShapeError } from "../graph/errors.js";

export interface MatmulOptions {
  /** a is given as [K, M]. */
  readonly transposeA?: boolean;
  /** b is given as [N, K]. */
  readonly transposeB?: boolean;
}

/**
 * Matrix product: out[m, n] = Σ_k a[m, k] · b[k, n].
 *
 * Shapes    a [M, K], b [K, N] → out [M, N]; transposed operands are read in place; with K = 0, out is all zeros
 * Dtypes    f32. Backends may fuse and reorder the sum: they agree within K · 2⁻²³ · Σ_k |a| · |b|; integers agree exactly
 * Gradient  da = dy · bᵀ,  db = aᵀ · dy
 * @throws {ShapeError} when a or b is not of rank 2, or their K differ
 */
export const matmul: Op<2, MatmulOptions | undefined> = defineOp({
  name: "matmul",
  arity: 2,
  normalise: (attributes) => ({ transposeA: !!attributes?.transposeA, transposeB: !!attributes?.transposeB }),
  shape: ([a, b], { transposeA, transposeB }) => {
    const [M, aK] = transposeA ? [a[1], a[0]] : a;
    const [bK, N] = transposeB ? [b[1], b[0]] : b;
    if (a.length === 2 && b.length === 2 && aK === bK) return [M, N];
    const want = `a ${transposeA ? "[K, M]" : "[M, K]"} and b ${transposeB ? "[N, K]" : "[K, N]"} with the same K`;
    throw new ShapeError({ op: "matmul", want, got: { a, b } });
  },
  gradient: (dy, [a, b], { attributes: { transposeA, transposeB } }) => [
    transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB }),
    transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, dy, { transposeA: !transposeA }),
  ],
  reference: (out, [a, b], { transposeA, transposeB }) => {
    const [M, N] = out.shape;
    const K = a.shape[transposeA ? 0 : 1];
    const [aRow, aColumn] = transposeA ? [1, M] : [K, 1];
    const [bRow, bColumn] = transposeB ? [1, K] : [N, 1];
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0; // float64: the reference has no rounding of its own until the store
        for (let k = 0; k < K; k++) sum += a.data[m * aRow + k * aColumn] * b.data[k * bRow + n * bColumn];
        out.data[m * N + n] = sum;
      }
    }
  },
  examples: [
    {
      shapes: [
        [3, 4],
        [4, 5],
      ],
    },
    {
      shapes: [
        [4, 3],
        [4, 2],
      ],
      attributes: { transposeA: true },
    },
    {
      shapes: [
        [3, 4],
        [2, 4],
      ],
      attributes: { transposeB: true },
    },
    {
      shapes: [
        [4, 3],
        [2, 4],
      ],
      attributes: { transposeA: true, transposeB: true },
    },
  ],
});
