import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import type { GpuCall } from "../gpu-kernel.js";
import { takeApart } from "../kernel-source.js";

/**
 * A loop over the taps of one output [n, m, ho, wo] of a convolution; taps outside of x are left out.
 *
 * @param channels  how many channels the loop counts (`c`), words of them where they are packed
 * @param each      statements for one channel of one tap (`r`, `s`) at the position `h`, `v` of x
 * @param before    statements for one tap, before its channels
 */
export function forEachTap(
  { inputs: [x, w], outputs: [y], attributes }: GpuCall,
  channels: { readonly from: number; readonly to: number },
  each: string,
  before = "",
): string {
  const { stride, padding, dilation } = attributes as Conv2dAttributes;
  const [, , H, W] = x.shape;
  const [, , R, S] = w.shape;
  const [, , Ho, Wo] = y.shape;
  const row = `const h = ho * ${stride[0]} + r * ${dilation[0]} - ${padding[0]};`;
  const column = `const v = wo * ${stride[1]} + s * ${dilation[1]} - ${padding[2]};`;
  const isInside = (at: string, size: number) => `if (${at} >= 0 && ${at} < ${size})`;
  const leavesBelow = (Ho - 1) * stride[0] + (R - 1) * dilation[0] - padding[0] >= H;
  const leavesRight = (Wo - 1) * stride[1] + (S - 1) * dilation[1] - padding[2] >= W;
  const rowGuard = padding[0] > 0 || leavesBelow ? isInside("h", H) : "";
  const columnGuard = padding[2] > 0 || leavesRight ? isInside("v", W) : "";
  return `for (let r = 0; r < ${R}; r++) {
${row}
${rowGuard} {
for (let s = 0; s < ${S}; s++) {
${column}
${columnGuard} {
${before}
for (let c = ${channels.from}; c < ${channels.to}; c++) {
${each}
}
}
}
}
}`;
}

/** Statements that take the output index apart into n, m, ho, wo, and name the group of m. */
export function outputOfConvolution({ outputs: [y], inputs: [, w], attributes }: GpuCall): string {
  const perGroup = w.shape[0] / (attributes as Conv2dAttributes).groups;
  const group = (attributes as Conv2dAttributes).groups === 1 ? "0" : `Math.floor(m / ${perGroup})`;
  return `${takeApart("i", y.shape, ["n", "m", "ho", "wo"])}\nconst group = ${group};`;
}
