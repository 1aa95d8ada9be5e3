import { ArgumentError, type Engine } from "@lowbit/core-tensor";
import { type JsonObject, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { convert, type Registry, savePackedFolder } from "@lowbit/quant";
import {
  type LanguageModel,
  type PackedFolder,
  packedLanguageModels,
  packedTextClassifiers,
  type TextClassifier,
} from "@lowbit/rnn";
import { findLanguageModel } from "./language-model-folder.js";
import { type Network, openNetwork } from "./network-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { checkOutFolder } from "./out-folder.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { formatBytes } from "./table.js";
import { findTextClassifier } from "./text-classifier-folder.js";

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
  const languageModel = await findLanguageModel(storage, folder, registry);
  const classifier = languageModel ? undefined : await findTextClassifier(storage, folder, registry);
  const network = languageModel ?? classifier ?? (await openNetwork(storage, folder, registry));
  if (network.kind === "trained" && !network.isFinished)
    note(`the run in ${folder} is not finished; packing where it stands`);
  await checkOutFolder(storage, out);
  const engine = await openEngine({ backend, threads, build }, "training"); // packed codes are the same for everybody
  try {
    const run = { engine, storage, out, registry };
    if (languageModel) return await convertRecurrent(languageModel, packedLanguageModels, run);
    if (classifier) return await convertRecurrent(classifier, packedTextClassifiers, run);
    return await convertNetwork(network as Network, run);
  } finally {
    await engine.close();
  }
}

const NOTHING_TO_PACK = "no layer of this network is quantized: it is stored frozen, in fp32";

const alreadyPacked = (folder: string): ArgumentError =>
  new ArgumentError(`the network in ${folder} is packed already`, {
    where: folder,
    want: "a folder that train has written",
  });

/** A recurrent network out of a folder, whatever it does. */
interface OpenedRecurrent<Model> {
  readonly kind: "trained" | "packed";
  readonly folder: string;
  readonly model: Model;
  readonly notes: object;
  load(engine: Engine): Promise<void>;
}

async function convertRecurrent<Model extends LanguageModel | TextClassifier>(
  { folder, kind, model, notes, load }: OpenedRecurrent<Model>,
  packing: PackedFolder<Model>,
  run: { readonly engine: Engine; readonly storage: Storage; readonly out: string; readonly registry: Registry },
): Promise<Conversion> {
  const { engine, storage, out, registry } = run;
  if (kind === "packed") throw alreadyPacked(folder);
  const { quantization, latentBytes } = model;
  if (quantization.layers.length === 0) warn(NOTHING_TO_PACK);
  await load(engine);
  const packed = await packing.pack(model, engine, registry);
  const stored = JSON.parse(JSON.stringify(notes)) as JsonObject;
  await packing.save(storage, out, { model: packed, engine, notes: stored });
  return {
    ...{ from: folder, out, precision: quantization.precision, quantizer: quantization.scheme },
    ...{ latentBytes, packedBytes: packed.packedBytes },
    packedLayers: quantization.layers.filter(({ weight }) => weight !== undefined).length,
  };
}

/** Packs a network and writes it. */
export async function convertNetwork(
  network: Network,
  { engine, storage, out }: { readonly engine: Engine; readonly storage: Storage; readonly out: string },
): Promise<Conversion> {
  if (network.kind === "packed") throw alreadyPacked(network.folder);
  const { quantization } = network.model;
  if (quantization.layers.length === 0) warn(NOTHING_TO_PACK);
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
