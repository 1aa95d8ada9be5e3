/// <reference types="vite/client" />
import { createEngine, type Engine } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { createLoader, type Dataset, openDataset } from "@lowbit/data";
import { compileForward, InterruptedError } from "@lowbit/nn";
import { loadPackedFolder } from "@lowbit/quant";
import type { ClassifiedImage, ToPage, ToWorker } from "./messages.js";
import { trainSmallNetwork } from "./train-small-network.js";

// The page's worker: everything that computes. It talks to no server but for its own files.

const PACKED_FILES = import.meta.glob("../../../packages/cli/assets/resnet8-fashion-mnist-w2a2/*", {
  query: "?url",
  import: "default",
  eager: true,
}) as Record<string, string>;

const SHOWN_IMAGES = 12;
const BATCH = 100;

const tell = (message: ToPage): void => postMessage(message);
const fail = (error: unknown): void =>
  tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });

/** Brings the packed network's folder into the page's storage, which lies in memory. */
async function fetchNetwork(): Promise<Awaited<ReturnType<typeof loadPackedFolder>>> {
  const storage = openStorage();
  await storage.makeFolder("network");
  for (const [path, url] of Object.entries(PACKED_FILES)) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`can't fetch ${url}: the server answered ${response.status}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    await storage.writeAtomic(`network/${path.split("/").at(-1)}`, bytes);
  }
  return loadPackedFolder(storage, "network");
}

async function classify(engine: Engine, { test, classes, normalisation, imageShape }: Dataset): Promise<void> {
  const { model, notes } = await fetchNetwork();
  const logitsOf = compileForward(engine, model);
  const loader = createLoader(test, { batch: BATCH, ...normalisation });
  const [C, H, W] = imageShape;
  const shown: ClassifiedImage[] = [];
  let [right, count, milliseconds] = [0, 0, 0];
  for await (const { images, labels } of loader) {
    const started = performance.now();
    const { logits } = await logitsOf({ images });
    if (count > 0) milliseconds += performance.now() - started; // the first batch plans the program
    for (let n = 0; n < labels.data.length; n++, count++) {
      const scores = Array.from(logits.data.subarray(n * classes.length, (n + 1) * classes.length));
      const guess = scores.indexOf(Math.max(...scores));
      const label = labels.data[n];
      if (guess === label) right++;
      if (shown.length === SHOWN_IMAGES || n % 8 !== 0) continue;
      const total = scores.reduce((sum, score) => sum + Math.exp(score - scores[guess]), 0);
      const pixels = test.images.slice(count * C * H * W, (count + 1) * C * H * W);
      shown.push({ pixels, label: classes[label], guess: classes[guess], probability: 1 / total });
    }
  }
  await loader.close();
  const { experiment } = notes as { experiment?: { model?: string; precision?: string } };
  tell({
    kind: "classified",
    network: `${experiment?.model ?? "a network"}, ${experiment?.precision ?? "packed"}`,
    packedBytes: model.packedBytes,
    latentBytes: model.latentBytes,
    ...{ images: shown, right, count },
    msPerImage: milliseconds / (count - BATCH),
  });
}

async function trainLive(
  engine: Engine,
  dataset: Dataset,
  { epochs, seed }: { epochs: number; seed: number },
): Promise<void> {
  const stopped = new AbortController();
  stopTraining = () => stopped.abort();
  let started = performance.now();
  try {
    await trainSmallNetwork(engine, dataset, {
      ...{ epochs, seed, signal: stopped.signal },
      onStep: (step) => {
        if (step.step % 5 === 0) tell({ kind: "step", ...step });
      },
      onEpoch: (epoch) => {
        tell({ kind: "epoch", ...epoch, seconds: (performance.now() - started) / 1000 });
        started = performance.now();
      },
    });
    tell({ kind: "trained", wasStopped: false });
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    tell({ kind: "trained", wasStopped: true });
  }
}

let stopTraining = (): void => {};

async function start(): Promise<void> {
  const dataset = await openDataset("fashion-mnist-mini");
  const inference = await createEngine({ build: "fastest" });
  const { name, build, threads } = inference.backend;
  tell({ kind: "engine", backend: name, build, threads });
  await classify(inference, dataset);
  await inference.close();
  self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.kind === "stop") return stopTraining();
    createEngine()
      .then((engine) => trainLive(engine, dataset, data).finally(() => engine.close()))
      .catch(fail);
  };
}

start().catch(fail);
