import { createEngine, Engine, elementsOf } from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { createRegistry, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import { randomLabels, randomNormal } from "../ours/random-tensors.js";
import { startTraining } from "../ours/training.js";
import { type TimedCall, timingBackend } from "./timing-backend.js";

const STEPS = 20;
const WARM_UP_STEPS = 5;
const LEAST_SHARE = 0.002;

/** Multiplies and adds of a call, 0 for what is neither a product nor a convolution. */
function operationsOf({ call: { op, inputs, outputs } }: TimedCall): number {
  const taps = (shape: readonly number[]) => elementsOf(shape.slice(1));
  switch (op.name) {
    case "conv2d":
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

function formatGroup(name: string, calls: readonly TimedCall[], total: number): string {
  const milliseconds = calls.reduce((sum, call) => sum + call.milliseconds, 0) / STEPS;
  const operations = calls.reduce((sum, call) => sum + operationsOf(call), 0);
  const bytes = calls.reduce((sum, call) => sum + bytesOf(call), 0);
  const rate =
    operations > 0
      ? `${(operations / milliseconds / 1e6).toFixed(1)} Gop/s`
      : `${(bytes / milliseconds / 1e6).toFixed(1)} GB/s`;
  const share = `${((100 * milliseconds * STEPS) / total).toFixed(1)} %`;
  return `${milliseconds.toFixed(2).padStart(8)} ms ${share.padStart(7)} ${rate.padStart(11)}  ${calls.length} × ${name}`;
}

function group(calls: readonly TimedCall[], nameOf: (call: TimedCall) => string): [string, TimedCall[]][] {
  const groups = new Map<string, TimedCall[]>();
  for (const call of calls) groups.set(nameOf(call), [...(groups.get(nameOf(call)) ?? []), call]);
  const time = ([, each]: [string, TimedCall[]]) => each.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return [...groups].sort((a, b) => time(b) - time(a));
}

/** Where the time of a training step goes, kernel by kernel. Calls run one by one: the sum is a little above a step's. */
export async function profileTraining(options: { readonly threads: number; readonly only?: string }): Promise<string> {
  const [model = "resnet8", precision = "fp32"] = (options.only ?? "").split("-").filter(Boolean);
  const inputShape = model === "resnet8" ? [1, 28, 28] : [3, 32, 32];
  const timed: TimedCall[] = [];
  const { backend } = await createEngine({ threads: options.threads });
  const engine = new Engine(timingBackend(backend, timed));
  const plain = createModel(model, { inputShape, classes: 10, seed: 1 });
  const prepared = await prepare(plain, { precision, scheme: wrpn, registry: createRegistry(plugin) });
  const batch = { images: randomNormal("images", [64, ...inputShape]), labels: randomLabels("labels", 64, 10) };
  const training = startTraining(engine, prepared, { ...batch, learningRate: 0.05, momentum: 0.9 });
  for (let i = 0; i < WARM_UP_STEPS; i++) await training.step();
  for (const each of timed) each.milliseconds = 0;
  const started = performance.now();
  for (let i = 0; i < STEPS; i++) await training.step();
  const whole = (performance.now() - started) / STEPS;
  await engine.close();
  const total = timed.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const byOperation = group(timed, ({ call }) => call.op.name);
  const byShape = group(timed, describeCall).filter(([, calls]) =>
    calls.some((each) => each.milliseconds / total > LEAST_SHARE),
  );
  return [
    `${model} ${precision}, batch 64, ${options.threads} thread(s): ${whole.toFixed(1)} ms a step, ${(total / STEPS).toFixed(1)} in kernels`,
    ...byOperation.map(([name, calls]) => formatGroup(name, calls, total)),
    "",
    ...byShape.map(([name, calls]) => formatGroup(name, calls, total)),
  ].join("\n");
}
