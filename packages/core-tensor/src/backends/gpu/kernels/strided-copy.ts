import { isPacked } from "../../../graph/dtype.js";
import { elementsOf, stridesOf } from "../../../graph/shape.js";
import { broadcastStrides } from "../../../ops/elementwise-op.js";
import { defineElementKernel, defineGpuKernel, type GpuCall, type GpuKernel } from "../gpu-kernel.js";
import { axisNames, dot, takeApart } from "../kernel-source.js";
import { MOST_INPUTS } from "../launches.js";

const isWhole: GpuKernel["supports"] = ({ inputs }) =>
  !inputs.some(({ dtype }) => isPacked(dtype)) || "packed codes are not moved one by one";

/** out[…] = x at coordinates of out, with the strides of x. */
const copy = (op: string, strides: (call: GpuCall) => readonly number[], start: (call: GpuCall) => number = () => 0) =>
  defineElementKernel(
    op,
    ["x"],
    (call) => {
      const { shape } = call.outputs[0];
      const names = axisNames(shape);
      return `${takeApart("i", shape, names)}\nreturn x[${dot(names, strides(call), start(call))}];`;
    },
    isWhole,
  );

export const transposeKernel = copy("transpose", ({ inputs: [x], attributes }) => {
  const strides = stridesOf(x.shape);
  return attributes.permutation.map((axis: number) => strides[axis]);
});

export const broadcastToKernel = copy("broadcastTo", ({ inputs: [x], outputs: [out] }) =>
  broadcastStrides(x.shape, out.shape),
);

export const sliceKernel = copy(
  "slice",
  ({ inputs: [x] }) => stridesOf(x.shape),
  ({ inputs: [x], attributes }) => {
    const strides = stridesOf(x.shape);
    return attributes.begin.reduce((sum: number, from: number, axis: number) => sum + from * strides[axis], 0);
  },
);

export const zeroPadKernel = defineElementKernel(
  "zeroPad",
  ["x"],
  ({ inputs: [x], outputs: [out], attributes: { before } }) => {
    const names = axisNames(out.shape);
    const inside = names.map((name, axis) => `${name} >= ${before[axis]} && ${name} < ${before[axis] + x.shape[axis]}`);
    const strides = stridesOf(x.shape);
    const start = strides.reduce((sum, stride, axis) => sum - stride * before[axis], 0);
    return `${takeApart("i", out.shape, names)}
let value = 0;
if (${inside.join(" && ") || "true"}) { value = x[${dot(names, strides, start)}]; }
return value;`;
  },
  isWhole,
);

/** Each element finds the input that it comes from by its coordinate along the axis. */
export const concatKernel = defineGpuKernel({
  op: "concat",
  supports: (call, mode) =>
    call.inputs.length > MOST_INPUTS
      ? `WebGPU binds ${MOST_INPUTS} inputs to a kernel`
      : (isWhole?.(call, mode) ?? true),
  emit: ({ inputs: buffers, outputs: [out], attributes: { axis } }, inputs, launches) => {
    const names = axisNames(out.shape);
    let from = 0;
    const pieces = buffers.map(({ shape }, index) => {
      const strides = stridesOf(shape);
      const at = dot(names, strides, -from * strides[axis]);
      const piece = `if (${names[axis]} >= ${from} && ${names[axis]} < ${from + shape[axis]}) { value = x${index}[${at}]; }`;
      from += shape[axis];
      return piece;
    });
    const body = `${takeApart("i", out.shape, names)}\nlet value = 0;\n${pieces.join("\n")}\nreturn value;`;
    const named = Object.fromEntries(inputs.map((input, index) => [`x${index}`, input]));
    return [launches.add(elementsOf(out.shape), named, body)];
  },
});

/** Rows of a table; an index outside of it gives ∞ − ∞, which is NaN wherever the driver knows NaN. */
export const gatherKernel = defineElementKernel(
  "gather",
  ["table", "indices"],
  ({ inputs: [table], outputs: [out] }) => {
    const width = elementsOf(table.shape.slice(1));
    return `${takeApart("i", [elementsOf(out.shape) / width, width], ["at", "column"])}
const row = indices[at];
const infinite = 3e38 * (10 + row * row);
let value = infinite - infinite;
if (row >= 0 && row < ${table.shape[0]}) { value = table[row * ${width} + column]; }
return value;`;
  },
);
