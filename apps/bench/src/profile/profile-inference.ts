import { createEngine, Engine } from "@lowbit/core-tensor";
import { compileForward, createModel } from "@lowbit/nn";
import { convert, createRegistry, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import type { BuildName } from "../ours/available-builds.js";
import { randomNormal } from "../ours/random-tensors.js";
import { formatProfile } from "./format-profile.js";
import { type TimedCall, timingBackend } from "./timing-backend.js";

const RUNS = 20;
const WARM_UP_RUNS = 10;
const inputShapes: Readonly<Record<string, readonly number[]>> = { resnet8: [1, 28, 28], resnet18: [3, 224, 224] };

/** Where the time of classifying one image goes, kernel by kernel, in the fastest build of this engine unless another is asked for. */
export async function profileInference(options: {
  readonly threads: number;
  readonly only?: string;
  readonly build?: BuildName;
}): Promise<string> {
  const [model = "resnet18", precision = "w1a1"] = (options.only ?? "").split("-").filter(Boolean);
  const inputShape = [...(inputShapes[model] ?? [3, 32, 32])];
  const timed: TimedCall[] = [];
  const { backend } = await createEngine({ threads: options.threads, build: options.build ?? "fastest" });
  const engine = new Engine(timingBackend(backend, timed));
  const plain = createModel(model, { inputShape, classes: 10, seed: 1 });
  const prepared = await prepare(plain, { precision, scheme: wrpn, registry: createRegistry(plugin) });
  const forward = compileForward(engine, await convert(prepared, engine));
  const images = randomNormal("images", [1, ...inputShape]);
  timed.length = 0; // what converting ran
  for (let i = 0; i < WARM_UP_RUNS; i++) await forward({ images });
  for (const each of timed) each.milliseconds = 0;
  const started = performance.now();
  for (let i = 0; i < RUNS; i++) await forward({ images });
  const whole = (performance.now() - started) / RUNS;
  await engine.close();
  const title = `${model} ${precision}, batch 1, ${options.threads} thread(s), ${backend.build}: ${whole.toFixed(1)} ms a run`;
  return `${title}\n${formatProfile(timed, RUNS)}`;
}
