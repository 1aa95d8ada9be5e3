import { elementsOf, stridesOf } from "../../../graph/shape.js";
import { defineElementKernel, type GpuCall, type GpuKernel } from "../gpu-kernel.js";
import { axisNames, dot, takeApart } from "../kernel-source.js";

/** A thread for each result walks over what it is made of: `value` in `each`, numbered by `k`. */
function overAxes(call: GpuCall, axes: readonly number[], start: string, each: string, end: string): string {
  const { shape } = call.inputs[0];
  const strides = stridesOf(shape);
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const reduced = shape.map((size, axis) => (axes.includes(axis) ? size : 1));
  const [outer, inner] = [axisNames(shape), shape.map((_, axis) => `b${axis}`)];
  const of = (names: readonly string[], sizes: readonly number[]) =>
    dot(
      names,
      strides.map((stride, axis) => (sizes[axis] === 1 ? 0 : stride)),
    );
  return `${takeApart("i", kept, outer)}
const from = ${of(outer, kept)};
${start}
for (let k = 0; k < ${elementsOf(reduced)}; k++) {
${takeApart("k", reduced, inner)}
const value = x[from + ${of(inner, reduced)}];
${each}
}
${end}`;
}

const reduction = (op: string, start: string, each: string, end: (call: GpuCall) => string): GpuKernel =>
  defineElementKernel(
    op,
    ["x"],
    (call) => overAxes(call, call.attributes.axes ?? [call.attributes.axis], start, each, end(call)),
    ({ inputs: [x] }) => x.dtype === "f32" || "the kernel takes f32",
  );

export const sumKernel = reduction("sum", "let sum = 0;", "sum += value;", () => "return sum;");

export const meanKernel = reduction(
  "mean",
  "let sum = 0;",
  "sum += value;",
  ({ inputs: [x], outputs: [out] }) => `return sum / ${elementsOf(x.shape) / elementsOf(out.shape)};`,
);

export const maxKernel = reduction(
  "max",
  "let best = 0;",
  "if (k === 0 || value > best) { best = value; }",
  () => "return best;",
);

export const argmaxKernel = reduction(
  "argmax",
  "let best = 0;\nlet bestAt = 0;",
  "if (k === 0 || value > best) { best = value; bestAt = k; }",
  () => "return bestAt;",
);
