import type { AveragePoolOptions, PoolAttributes } from "../../../ops/pool.js";
import { defineElementKernel, type GpuCall } from "../gpu-kernel.js";
import { takeApart } from "../kernel-source.js";

/** A loop over the inputs of one window that lie inside x: `value` in `each` is one of them. */
function overWindow(
  { inputs: [x], outputs: [y], attributes }: GpuCall,
  start: string,
  each: string,
  end: string,
): string {
  const { window, stride, padding } = attributes as PoolAttributes;
  const [, , H, W] = x.shape;
  return `${takeApart("i", y.shape, ["n", "c", "ho", "wo"])}
const plane = (n * ${y.shape[1]} + c) * ${H * W};
${start}
for (let r = 0; r < ${window[0]}; r++) {
const h = ho * ${stride[0]} + r - ${padding[0]};
for (let s = 0; s < ${window[1]}; s++) {
const v = wo * ${stride[1]} + s - ${padding[2]};
if (h >= 0 && h < ${H} && v >= 0 && v < ${W}) {
const value = x[plane + h * ${W} + v];
${each}
}
}
}
${end}`;
}

export const maxPool2dKernel = defineElementKernel("maxPool2d", ["x"], (call) =>
  overWindow(
    call,
    "let best = 0;\nlet seen = 0;",
    "if (seen === 0 || value > best) { best = value; }\nseen = 1;",
    "return best;",
  ),
);

export const averagePool2dKernel = defineElementKernel("averagePool2d", ["x"], (call) => {
  const { window, countPadding } = call.attributes as PoolAttributes & AveragePoolOptions;
  const divisor = countPadding ? `${window[0] * window[1]}` : "count";
  return overWindow(
    call,
    "let total = 0;\nlet count = 0;",
    "total += value;\ncount += 1;",
    `return total / ${divisor};`,
  );
});
