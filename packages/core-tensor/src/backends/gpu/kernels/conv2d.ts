import { defineElementKernel } from "../gpu-kernel.js";
import { forEachTap, outputOfConvolution } from "./convolution.js";

/** y[n, m, i, j] = Σ w · x, a thread for each y. */
export const conv2dKernel = defineElementKernel("conv2d", ["x", "w"], (call) => {
  const [{ shape: x }, { shape: w }] = call.inputs;
  const [, C, H, W] = x;
  const [, perGroup, R, S] = w;
  const xAt = `xFrom + (c * ${H} + h) * ${W} + v`;
  const wAt = `wFrom + (c * ${R} + r) * ${S} + s`;
  return `${outputOfConvolution(call)}
const xFrom = (n * ${C} + group * ${perGroup}) * ${H * W};
const wFrom = m * ${perGroup * R * S};
let sum = 0;
${forEachTap(call, { from: 0, to: perGroup }, `sum += w[${wAt}] * x[${xAt}];`)}
return sum;`;
});
