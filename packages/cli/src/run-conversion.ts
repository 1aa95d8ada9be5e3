import { ArgumentError, type Engine } from "@lowbit/core-tensor";
import { type JsonObject, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { convert, savePackedFolder } from "@lowbit/quant";
import { type Network, openNetwork } from "./network-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { checkOutFolder } from "./out-folder.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { formatBytes } from "./table.js";

export interface Conversion {
  readonly from: string;
  readonly out: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly latentBytes: number;
  readonly packedBytes: number;
  /** Layers whose weights are stored as codes. */
  readonly packedLayers: number;
}

/** `lowbit convert`, from what was typed to the packed folder. */
export async function runConversion(
  folder: string,
  options: Partial<EngineChoice> & {
    readonly backend: string;
    readonly out?: string;
    readonly plugin: readonly string[];
  },
): Promise<Conversion> {
  const { out = "", backend, threads, build, plugin } = options;
  const storage = openStorage();
  const registry = await loadRegistry(storage, plugin);
  const network = await openNetwork(storage, folder, registry);
  if (network.kind === "trained" && !network.isFinished)
    note(`the run in ${folder} is not finished; packing where it stands`);
  await checkOutFolder(storage, out);
  const engine = await openEngine({ backend, threads, build }, "training"); // packed codes are the same for everybody
  try {
    return await convertNetwork(network, { engine, storage, out });
  } finally {
    await engine.close();
  }
}

/** Packs a network and writes it. */
export async function convertNetwork(
  network: Network,
  { engine, storage, out }: { readonly engine: Engine; readonly storage: Storage; readonly out: string },
): Promise<Conversion> {
  if (network.kind === "packed") {
    throw new ArgumentError(`the network in ${network.folder} is packed already`, {
      where: network.folder,
      want: "a folder that train has written",
    });
  }
  const { quantization } = network.model;
  if (quantization.layers.length === 0) warn("no layer of this network is quantized: it is stored frozen, in fp32");
  await network.load(engine);
  const packed = await convert(network.model, engine);
  await savePackedFolder(storage, out, packed, JSON.parse(JSON.stringify(network.notes)) as JsonObject);
  return {
    from: network.folder,
    out,
    precision: quantization.precision,
    quantizer: quantization.scheme,
    latentBytes: packed.latentBytes,
    packedBytes: packed.packedBytes,
    packedLayers: quantization.layers.filter(({ weight }) => weight !== undefined).length,
  };
}

export function formatConversion({ out, latentBytes, packedBytes, packedLayers }: Conversion): string {
  const ratio = (latentBytes / packedBytes).toFixed(1);
  return `${packedLayers} layers packed: ${formatBytes(packedBytes)} instead of ${formatBytes(latentBytes)} (${ratio} times smaller), in ${out}`;
}
