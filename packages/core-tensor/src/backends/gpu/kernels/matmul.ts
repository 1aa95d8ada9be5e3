import type { MatmulOptions } from "../../../ops/matmul.js";
import { defineElementKernel } from "../gpu-kernel.js";
import { takeApart } from "../kernel-source.js";

/** out[m, n] = Σ_k a[m, k] · b[k, n], a thread for each element; transposed operands are read in place. */
export const matmulKernel = defineElementKernel(
  "matmul",
  ["a", "b"],
  ({ inputs: [a], outputs: [out], attributes }) => {
    const { transposeA, transposeB } = attributes as MatmulOptions;
    const [M, N] = out.shape;
    const K = a.shape[transposeA ? 0 : 1];
    const aAt = transposeA ? `k * ${M} + m` : `m * ${K} + k`;
    const bAt = transposeB ? `n * ${K} + k` : `k * ${N} + n`;
    return `${takeApart("i", out.shape, ["m", "n"])}
let sum = 0;
for (let k = 0; k < ${K}; k++) { sum += a[${aAt}] * b[${bAt}]; }
return sum;`;
  },
  ({ outputs: [out] }) => out.dtype === "f32" || "the kernel takes f32",
);
