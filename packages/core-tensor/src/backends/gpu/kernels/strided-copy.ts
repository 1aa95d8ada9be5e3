import { isPacked } from "../../../graph/dtype.js";
import { stridesOf } from "../../../graph/shape.js";
import { broadcastStrides } from "../../../ops/elementwise-op.js";
import { defineElementKernel, type GpuCall, type GpuKernel } from "../gpu-kernel.js";
import { axisNames, dot, takeApart } from "../kernel-source.js";

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
