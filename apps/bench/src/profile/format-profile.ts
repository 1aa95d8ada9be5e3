import { elementsOf } from "@lowbit/core-tensor";
import type { TimedCall } from "./timing-backend.js";

const LEAST_SHARE = 0.002;

/** Multiplies and adds of a call, 0 for what is neither a product nor a convolution. */
function operationsOf({ call: { op, inputs, outputs } }: TimedCall): number {
  const taps = (shape: readonly number[]) => elementsOf(shape.slice(1));
  switch (op.name) {
    case "conv2d":
    case "conv2dCodes":
      return 2 * elementsOf(outputs[0].shape) * taps(inputs[1].shape);
    case "conv2dInputGradient":
      return 2 * elementsOf(inputs[0].shape) * taps(inputs[1].shape);
    case "conv2dWeightGradient":
      return 2 * elementsOf(inputs[1].shape) * taps(outputs[0].shape);
    default:
      return 0;
  }
}

/** What a call is filed under: operation and shapes. */
function describeCall({ call: { op, inputs, outputs, attributes }, kernel }: TimedCall): string {
  const shapes = [...inputs.slice(0, 2), outputs[0]].map(({ shape }) => `[${shape.join(" ")}]`).join(" ");
  const steps = attributes?.steps as { code: string }[] | undefined;
  return `${kernel} ${
    steps
      ? steps
          .map(({ code }) => code)
          .join(",")
          .slice(0, 60)
      : op.name
  } ${shapes}`;
}

const bytesOf = ({ call }: TimedCall): number =>
  [...call.inputs, ...call.outputs].reduce((sum, { bytes }) => sum + bytes, 0);

function formatGroup(name: string, calls: readonly TimedCall[], total: number, runs: number): string {
  const milliseconds = calls.reduce((sum, call) => sum + call.milliseconds, 0) / runs;
  const operations = calls.reduce((sum, call) => sum + operationsOf(call), 0);
  const bytes = calls.reduce((sum, call) => sum + bytesOf(call), 0);
  const rate =
    operations > 0
      ? `${(operations / milliseconds / 1e6).toFixed(1)} Gop/s`
      : `${(bytes / milliseconds / 1e6).toFixed(1)} GB/s`;
  const share = `${((100 * milliseconds * runs) / total).toFixed(1)} %`;
  return `${milliseconds.toFixed(2).padStart(8)} ms ${share.padStart(7)} ${rate.padStart(11)}  ${calls.length} × ${name}`;
}

function group(calls: readonly TimedCall[], nameOf: (call: TimedCall) => string): [string, TimedCall[]][] {
  const groups = new Map<string, TimedCall[]>();
  for (const call of calls) groups.set(nameOf(call), [...(groups.get(nameOf(call)) ?? []), call]);
  const time = ([, each]: [string, TimedCall[]]) => each.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return [...groups].sort((a, b) => time(b) - time(a));
}

/** Kernels by the time that they took in `runs` runs of a program: first by operation, then by shapes. */
export function formatProfile(timed: readonly TimedCall[], runs: number): string {
  const total = timed.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const byOperation = group(timed, ({ call }) => call.op.name);
  const byShape = group(timed, describeCall).filter(([, calls]) =>
    calls.some((each) => each.milliseconds / total > LEAST_SHARE),
  );
  return [
    `${(total / runs).toFixed(2)} ms in kernels`,
    ...byOperation.map(([name, calls]) => formatGroup(name, calls, total, runs)),
    "",
    ...byShape.map(([name, calls]) => formatGroup(name, calls, total, runs)),
  ].join("\n");
}
