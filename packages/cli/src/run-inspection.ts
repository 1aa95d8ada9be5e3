import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { createModel } from "@lowbit/nn";
import { applyQuantization, convert, type PreparedModel, planQuantization, type Registry } from "@lowbit/quant";
import { parseExperiment, resolveField } from "./experiment.js";
import { type InspectedLayer, type InspectedNetwork, inspectNetwork } from "./inspect-network.js";
import { openNetwork } from "./network-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { loadRegistry } from "./plugins.js";
import { warn } from "./print.js";
import { resolveExperiment } from "./resolve-experiment.js";
import { type Column, formatBytes, formatTable } from "./table.js";

export interface InspectOptions extends Partial<EngineChoice> {
  readonly backend: string;
  readonly model?: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly width: number;
  readonly input: string;
  readonly classes: number;
  readonly plugin: readonly string[];
  /** A built-in network as it would run packed, and what its kernels were chosen by. */
  readonly kernels: boolean;
}

/** `lowbit inspect`, from what was typed to the layers. */
export async function runInspection(folder: string | undefined, options: InspectOptions): Promise<InspectedNetwork> {
  const { model: name, plugin, backend, threads, build } = options;
  if ((folder === undefined) === (name === undefined)) {
    throw new ArgumentError("inspect takes a folder or --model, one of them", {
      want: "lowbit inspect DIR, or lowbit inspect --model resnet8",
    });
  }
  const storage = openStorage();
  const registry = await loadRegistry(storage, plugin);
  const network = folder === undefined ? undefined : await openNetwork(storage, folder, registry);
  const untrained = network ? undefined : await untrainedModel(name as string, options, registry);
  const engine = await openEngine({ backend, threads, build }, "inference");
  try {
    await network?.load(engine);
    if (untrained && options.kernels) return await inspectNetwork(await convert(untrained, engine), engine);
    return await inspectNetwork((network?.model ?? untrained) as PreparedModel, engine);
  } finally {
    await engine.close();
  }
}

async function untrainedModel(name: string, options: InspectOptions, registry: Registry): Promise<PreparedModel> {
  const { precision, quantizer, width, classes } = options;
  const source = { kind: "options" } as const;
  const experiment = parseExperiment({ model: name, data: "fashion-mnist-mini", precision, quantizer, width }, source);
  const { scheme } = resolveExperiment(experiment, source, registry);
  const inputShape = options.input.split(/[,x]/).map(Number);
  const plain = resolveField(source, "model", () => createModel(name, { inputShape, classes, width }));
  return applyQuantization(plain, await planQuantization(plain, { precision, scheme, warn }), registry);
}

const bits = (count: number): string => (count === 32 ? "fp32" : String(count));
const count = (value: number): string => value.toLocaleString("en");

const columns: readonly Column<InspectedLayer>[] = [
  { title: "layer", value: ({ layer }) => layer },
  { title: "weights", value: ({ weightShape }) => `[${weightShape.join(", ")}]` },
  { title: "output", value: ({ outputShape }) => `[${outputShape.slice(1).join(", ")}]` },
  { title: "w bits", value: ({ wBits }) => bits(wBits), isNumber: true },
  { title: "a bits", value: ({ aBits }) => bits(aBits), isNumber: true },
  { title: "parameters", value: ({ parameters }) => count(parameters), isNumber: true },
  { title: "packed", value: ({ packedBytes }) => formatBytes(packedBytes), isNumber: true },
  { title: "MACs", value: ({ macs }) => count(macs), isNumber: true },
  { title: "input edge", value: ({ inputEdge }) => inputEdge },
  { title: "kernel", value: ({ kernel }) => kernel },
];

const kernelColumns: readonly Column<InspectedLayer>[] = [
  { title: "layer", value: ({ layer }) => layer },
  { title: "bits", value: ({ wBits, aBits }) => (wBits === 32 && aBits === 32 ? "fp32" : `w${wBits}a${aBits}`) },
  { title: "weights", value: ({ weightShape }) => `[${weightShape.join(", ")}]` },
  { title: "output", value: ({ outputShape }) => `[${outputShape.slice(1).join(", ")}]` },
  { title: "kernel", value: ({ kernel }) => kernel },
  { title: "because", value: ({ kernelReason }) => kernelReason },
];

/** The kernel of each layer, and what it was chosen by. */
export function formatKernels({
  model,
  precision,
  quantizer,
  layers,
  backend,
  build,
  threads,
}: InspectedNetwork): string {
  return [
    `${model}, ${precision === "fp32" ? "fp32" : `${precision} by ${quantizer}`}, one image on ${backend} ${build}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    "",
    formatTable(kernelColumns, layers),
  ].join("\n");
}

export function formatInspection(found: InspectedNetwork): string {
  const { model, precision, quantizer, inputShape, layers, macsByPrecision, codeEdges } = found;
  const total = (pick: (layer: InspectedLayer) => number): number =>
    layers.reduce((sum, layer) => sum + pick(layer), 0);
  const macs = Object.entries(macsByPrecision).map(([name, value]) => `${name} ${count(value)}`);
  return [
    `${model}, ${precision === "fp32" ? "fp32" : `${precision} by ${quantizer}`}, images [${inputShape.join(", ")}], on ${found.backend} ${found.build}`,
    "",
    formatTable(columns, layers),
    "",
    `weights ${count(total(({ parameters }) => parameters))}, packed ${formatBytes(total(({ packedBytes }) => packedBytes))}`,
    `MACs for one image: ${macs.join(", ")}`,
    `${codeEdges} of ${layers.length} edges into layers are codes`,
  ].join("\n");
}
