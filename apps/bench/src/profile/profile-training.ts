import { createEngine, Engine } from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { createRegistry, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import type { BuildName } from "../ours/available-builds.js";
import { randomLabels, randomNormal } from "../ours/random-tensors.js";
import { startTraining } from "../ours/training.js";
import { formatProfile } from "./format-profile.js";
import { type TimedCall, timingBackend } from "./timing-backend.js";

const STEPS = 20;
const WARM_UP_STEPS = 5;

/** Where the time of a training step goes, kernel by kernel. Calls run one by one: the sum is a little above a step's. */
export async function profileTraining(options: {
  readonly threads: number;
  readonly only?: string;
  readonly build?: BuildName;
}): Promise<string> {
  const [model = "resnet8", precision = "fp32"] = (options.only ?? "").split("-").filter(Boolean);
  const inputShape = model === "resnet8" ? [1, 28, 28] : [3, 32, 32];
  const timed: TimedCall[] = [];
  const { backend } = await createEngine({ threads: options.threads, build: options.build });
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
  const title = `${model} ${precision}, batch 64, ${options.threads} thread(s), ${backend.build}: ${whole.toFixed(1)} ms a step`;
  return `${title}\n${formatProfile(timed, STEPS)}`;
}
