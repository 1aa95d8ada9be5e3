import { openStorage } from "@lowbit/core-tensor/storage";
import { evaluateNetwork, type NetworkEvaluation } from "./evaluate-network.js";
import { openNetwork } from "./network-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { openNamedDataset } from "./open-named-dataset.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { startProgress } from "./progress.js";
import { formatBytes, formatTable } from "./table.js";

export interface EvalOptions extends Partial<EngineChoice> {
  readonly backend: string;
  readonly data?: string;
  readonly limit?: number;
  readonly batch: number;
  readonly plugin: readonly string[];
  readonly progress: boolean;
}

/** `lowbit eval`, from what was typed to the figures. */
export async function runEvaluation(folder: string, options: EvalOptions): Promise<NetworkEvaluation> {
  const storage = openStorage();
  const registry = await loadRegistry(storage, options.plugin);
  const network = await openNetwork(storage, folder, registry);
  if (network.kind === "trained" && !network.isFinished)
    note(`the run in ${folder} is not finished; this is where it stands`);
  const { experiment, data } = network.notes;
  const dataset = await openNamedDataset(options.data ?? experiment.data, "--data");
  if (dataset.fingerprint !== data.fingerprint)
    warn(`${options.data ?? experiment.data} is not what this network was trained on`);
  const { backend, threads, build } = options;
  const engine = await openEngine({ backend, threads, build }, "inference");
  const limit = options.limit ?? experiment.limit;
  const progress = startProgress("evaluating", Math.min(limit ?? dataset.test.count, dataset.test.count), {
    show: options.progress,
  });
  try {
    const onBatch = (images: number) => progress.update(images);
    return await evaluateNetwork(network, { engine, dataset, limit, batch: options.batch, onBatch });
  } finally {
    progress.stop();
    await engine.close();
  }
}

export function formatEvaluation(found: NetworkEvaluation): string {
  const { accuracy, top5, loss, images, imagesPerSecond, packedBytes, latentBytes, backend, build, threads } = found;
  const kernels = formatTable(
    [
      { title: "layer", value: (row) => row.layer },
      { title: "weights", value: (row) => (row.wBits === 32 ? "fp32" : `${row.wBits} bit`), isNumber: true },
      { title: "input", value: (row) => (row.aBits === 32 ? "fp32" : `${row.aBits} bit`), isNumber: true },
      { title: "kernel", value: (row) => row.kernel },
    ],
    found.kernels,
  );
  return [
    `${accuracy.toFixed(2)} % of ${images} images right (top 5: ${top5.toFixed(2)} %), loss ${loss.toFixed(4)}`,
    `${imagesPerSecond.toFixed(0)} images/s on ${backend} ${build}, ${threads} thread${threads === 1 ? "" : "s"}`,
    `latent weights ${formatBytes(latentBytes)}, packed ${formatBytes(packedBytes)}`,
    "",
    kernels,
  ].join("\n");
}
