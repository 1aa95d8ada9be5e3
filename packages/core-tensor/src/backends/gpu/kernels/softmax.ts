import { elementsOf } from "../../../graph/shape.js";
import { defineGpuKernel, type GpuCall } from "../gpu-kernel.js";
import { takeApart } from "../kernel-source.js";
import type { DeviceValue, Launches } from "../launches.js";

const rowLength = ({ inputs: [x] }: GpuCall): number => x.shape[x.shape.length - 1];

/** Largest value and log Σ exp(x − largest) of every row, in two arrays: a thread makes one number. */
function rowSums(call: GpuCall, x: DeviceValue, launches: Launches): { largest: DeviceValue; logSum: DeviceValue } {
  const K = rowLength(call);
  const rows = elementsOf(call.inputs[0].shape) / K;
  const largest = launches.add(
    rows,
    { x },
    `let best = x[i * ${K}];
for (let k = 1; k < ${K}; k++) { best = Math.max(best, x[i * ${K} + k]); }
return best;`,
  );
  const logSum = launches.add(
    rows,
    { x, largest },
    `let total = 0;
for (let k = 0; k < ${K}; k++) { total += Math.exp(x[i * ${K} + k] - largest[i]); }
return Math.log(total);`,
  );
  return { largest, logSum };
}

const rowwise = (op: string, value: string) =>
  defineGpuKernel({
    op,
    emit: (call, [x], launches) => {
      const K = rowLength(call);
      const sums = rowSums(call, x, launches);
      const length = elementsOf(call.outputs[0].shape);
      const body = `${takeApart("i", [length / K, K], ["row", "at"])}\nreturn ${value};`;
      return [launches.add(length, { x, ...sums }, body)];
    },
  });

export const softmaxKernel = rowwise("softmax", "Math.exp(x[i] - largest[row] - logSum[row])");
export const logSoftmaxKernel = rowwise("logSoftmax", "x[i] - largest[row] - logSum[row]");
