import { ArgumentError, input } from "@lowbit/core-tensor";
import { joinPath, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { InterruptedError } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import { computeCost, readLayers } from "@lowbit/wrpn";
import { commandLineOf } from "./command-name.js";
import { evaluateNetwork, type LayerKernel, type NetworkEvaluation } from "./evaluate-network.js";
import { type Experiment, experimentSchema, parseExperiment } from "./experiment.js";
import { Interrupted, type InterruptWatch, watchInterrupt } from "./interrupt.js";
import { type Network, openNetwork } from "./network-folder.js";
import { openEngine } from "./open-engine.js";
import { checkOutFolder } from "./out-folder.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { startProgress } from "./progress.js";
import { convertNetwork } from "./run-conversion.js";
import { type PreparedExperiment, prepareExperiment, trainNetwork } from "./train-network.js";
import { trainingReporter } from "./training-reporter.js";
import { checkRunFolder } from "./training-task.js";

const GROUND_FOLDER = "lowbit-demo";

/** Chosen on two quiet cores, so that the whole takes under five minutes, quick under one. */
const SIZES = { whole: { epochs: 4, limit: 4000 }, quick: { epochs: 2, limit: 1000 } } as const;

/** In few steps AdamW gets further than SGD. */
const TRAINING = { batch: 32, optimiser: "adamw", learningRate: 0.01, seed: 1 } as const;

const NETWORKS = [
  { name: "fp32", title: "resnet8, fp32", precision: "fp32", width: 1 },
  { name: "w2a2", title: "resnet8, w2a2", precision: "w2a2", width: 1 },
  { name: "w2a2-wide", title: "resnet8, w2a2, 2x wide (WRPN)", precision: "w2a2", width: 2 },
] as const;

type DemoPlan = (typeof NETWORKS)[number];

export interface DemoOptions {
  readonly quick: boolean;
  readonly out?: string;
  readonly resume: boolean;
  readonly threads?: number;
  readonly progress: boolean;
}

/** One line of the demo's table. */
export interface DemoNetwork {
  readonly title: string;
  readonly folder: string;
  readonly packedFolder: string | undefined;
  /** In per cent; of the network as it was trained, fake-quantized unless it is fp32. */
  readonly accuracy: number;
  readonly packedAccuracy: number | undefined;
  readonly loss: number;
  readonly packedLoss: number | undefined;
  /** Bytes of files: the weights that were trained, and the whole packed folder. */
  readonly latentBytesOnDisk: number;
  readonly packedBytesOnDisk: number | undefined;
  /** Σ MACs · (weight bits + input bits), relative to the fp32 network. */
  readonly relativeCost: number;
  /** Of the packed network, or of the fp32 one. */
  readonly imagesPerSecond: number;
  readonly kernels: readonly LayerKernel[];
}

export interface Demo {
  readonly out: string;
  readonly quick: boolean;
  readonly epochs: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly seconds: number;
  readonly networks: readonly DemoNetwork[];
}

interface Stage {
  readonly storage: Storage;
  readonly registry: Registry;
  readonly threads: number | undefined;
  readonly show: boolean;
  readonly resume: boolean;
  readonly interrupt: InterruptWatch;
}

/** `lowbit demo`: trains the three networks, packs two, evaluates all five. A stopped demo goes on with --resume. */
export async function runDemo(options: DemoOptions): Promise<Demo> {
  const storage = openStorage();
  const registry = await loadRegistry(storage);
  const { quick, resume, threads, progress: show } = options;
  if (resume && options.out === undefined)
    throw new ArgumentError("--resume needs the folder of the demo", { want: "--out FOLDER" });
  const out = options.out ?? (await freshFolder(storage));
  if (options.out !== undefined) await checkOutFolder(storage, out, { resume });
  const interrupt = watchInterrupt({ onFirst: () => note("\nstopping after this step; Ctrl-C again ends at once") });
  const stage = { storage, registry, threads, show, resume, interrupt };
  const started = performance.now();
  try {
    const prepared = await Promise.all(
      NETWORKS.map((plan) =>
        prepareExperiment(experimentOf(plan, quick), { source: { kind: "options" }, registry, warn }),
      ),
    );
    const baseline = readLayers(logitsOf(prepared[0]));
    const networks: DemoNetwork[] = [];
    for (const [i, plan] of NETWORKS.entries()) {
      networks.push(await runNetwork(plan, prepared[i], { ...stage, out, number: i + 1 }, baseline));
    }
    const { epochs, limit } = prepared[0].experiment;
    const { train, test } = prepared[0].dataset;
    const cap = limit ?? Number.POSITIVE_INFINITY;
    return {
      ...{ out, quick, epochs, networks },
      trainImages: Math.min(train.count, cap),
      testImages: Math.min(test.count, cap),
      seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    if (!interrupt.signal.aborted || !(error instanceof InterruptedError || error instanceof Interrupted)) throw error;
    const flags = quick ? ["--quick"] : [];
    note(`stopped; go on with:\n  ${commandLineOf("demo", ...flags, "--out", out, "--resume")}`);
    throw new Interrupted("demo");
  } finally {
    interrupt.release();
  }
}

function experimentOf({ precision, width }: DemoPlan, quick: boolean): Experiment {
  const fields = {
    model: "resnet8",
    data: "fashion-mnist-mini",
    precision,
    width,
    ...TRAINING,
    ...SIZES[quick ? "quick" : "whole"],
  };
  return parseExperiment(fields, { kind: "options" });
}

/** lowbit-demo/1, or the first number that is free. */
async function freshFolder(storage: Storage): Promise<string> {
  for (let number = 1; ; number++) {
    const folder = joinPath(GROUND_FOLDER, String(number));
    if (!(await storage.exists(folder))) return folder;
  }
}

const logitsOf = ({ model }: PreparedExperiment) =>
  model.forward(input("images", [1, ...model.inputShape]), { training: false });

async function runNetwork(
  plan: DemoPlan,
  prepared: PreparedExperiment,
  stage: Stage & { readonly out: string; readonly number: number },
  baseline: ReturnType<typeof readLayers>,
): Promise<DemoNetwork> {
  const { storage, registry, out, interrupt } = stage;
  const folder = joinPath(out, plan.name);
  note(`${stage.number} of ${NETWORKS.length}: ${plan.title}`);
  await trainStage(prepared, folder, stage);
  const trained = await openNetwork(storage, folder, registry);
  const evaluation = await evaluateStage(trained, prepared, stage);
  const { total } = computeCost(readLayers(logitsOf(prepared)), { baseline });
  const line = {
    title: plan.title,
    folder,
    accuracy: evaluation.accuracy,
    loss: evaluation.loss,
    latentBytesOnDisk: await bytesOnDisk(storage, folder, (name) => name.startsWith("weights.")),
    relativeCost: total.relativeCost,
  };
  if (plan.precision === "fp32") {
    const { imagesPerSecond, kernels } = evaluation;
    return {
      ...line,
      packedFolder: undefined,
      packedAccuracy: undefined,
      packedLoss: undefined,
      packedBytesOnDisk: undefined,
      imagesPerSecond,
      kernels,
    };
  }
  interrupt.signal.throwIfAborted();
  const packedFolder = `${folder}-packed`;
  if (!(await storage.exists(joinPath(packedFolder, "manifest.json"))))
    await convertStage(trained, packedFolder, stage);
  const packed = await evaluateStage(await openNetwork(storage, packedFolder, registry), prepared, stage);
  return {
    ...line,
    packedFolder,
    packedAccuracy: packed.accuracy,
    packedLoss: packed.loss,
    packedBytesOnDisk: await bytesOnDisk(storage, packedFolder, () => true),
    imagesPerSecond: packed.imagesPerSecond,
    kernels: packed.kernels,
  };
}

async function trainStage(prepared: PreparedExperiment, out: string, stage: Stage): Promise<void> {
  const { storage, threads, show, resume, interrupt } = stage;
  const { experiment } = prepared;
  await checkRunFolder(storage, out, { schema: experimentSchema, experiment }, { resume });
  const label = `${experiment.model} ${experiment.precision}${experiment.width === 1 ? "" : ` ${experiment.width}x`}`;
  const engine = await openEngine({ backend: "wasm", threads, build: undefined }, "training");
  const reporter = trainingReporter({ label, epochs: experiment.epochs, show, engine });
  try {
    const { signal } = interrupt;
    await trainNetwork(prepared, {
      engine,
      storage,
      out,
      resume,
      allowBuildChange: false,
      signal,
      callbacks: reporter.callbacks,
    });
  } finally {
    reporter.stop();
    await engine.close();
  }
}

async function convertStage(network: Network, out: string, { storage, threads }: Stage): Promise<void> {
  const engine = await openEngine({ backend: "wasm", threads, build: undefined }, "training");
  try {
    await convertNetwork(network, { engine, storage, out });
  } finally {
    await engine.close();
  }
}

async function evaluateStage(
  network: Network,
  { dataset, experiment }: PreparedExperiment,
  stage: Stage,
): Promise<NetworkEvaluation> {
  const engine = await openEngine({ backend: "wasm", threads: stage.threads, build: undefined }, "inference");
  const images = Math.min(experiment.limit ?? dataset.test.count, dataset.test.count);
  const progress = startProgress(`evaluating ${network.kind === "packed" ? "packed" : "as trained"}`, images, {
    show: stage.show,
  });
  try {
    const { signal } = stage.interrupt;
    const onBatch = (done: number) => progress.update(done);
    return await evaluateNetwork(network, { engine, dataset, limit: experiment.limit, batch: 100, signal, onBatch });
  } finally {
    progress.stop();
    await engine.close();
  }
}

async function bytesOnDisk(storage: Storage, folder: string, counts: (name: string) => boolean): Promise<number> {
  let bytes = 0;
  for (const { name } of await storage.list(folder)) {
    if (counts(name)) bytes += (await storage.status(joinPath(folder, name)))?.bytes ?? 0;
  }
  return bytes;
}
