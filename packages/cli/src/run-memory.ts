import { type ActivationMap, type MemoryFootprint, type MemoryPhase, memoryFootprint } from "@lowbit/wrpn";
import { builtInNetwork, logitsOf, type NetworkChoice, precisionOption } from "./built-in-network.js";
import { pickNetwork } from "./run-cost.js";
import { type Column, formatBytes, formatTable } from "./table.js";

export interface MemoryChoice extends NetworkChoice {
  readonly precision: string;
  readonly batch: number;
  readonly phase: string;
}

/** What training or inference holds in memory, by WRPN's formula. */
export interface MemoryReport extends MemoryFootprint {
  readonly model: string;
  readonly inputShape: readonly number[];
  readonly width: number;
  readonly firstLayerWidth: number;
  readonly precision: string;
  readonly batch: number;
  readonly phase: string;
}

/** `lowbit memory`, from what was typed to the figures. */
export function runMemory({ batch, phase, ...choice }: MemoryChoice): MemoryReport {
  const precision = precisionOption(choice.precision);
  const network = builtInNetwork(pickNetwork(choice));
  const footprint = memoryFootprint(logitsOf(network, batch), { phase: phase as MemoryPhase, precision }); // a choice of the verb
  const { width, firstLayerWidth = width } = choice;
  const { name: model, inputShape } = network;
  return { ...footprint, model, inputShape, width, firstLayerWidth, precision, batch, phase };
}

const columns: readonly Column<ActivationMap>[] = [
  { title: "map", value: ({ name }) => name },
  { title: "kind", value: ({ kind }) => kind },
  { title: "elements", value: ({ elements }) => elements.toLocaleString("en"), isNumber: true },
  { title: "bits", value: ({ bits }) => (bits === 32 ? "fp32" : String(bits)), isNumber: true },
  { title: "bytes", value: ({ bytes }) => formatBytes(bytes), isNumber: true },
];

export function formatMemory(report: MemoryReport): string {
  const { model, width, precision, batch, phase, activationShare, weightShare } = report;
  const kept = phase === "training" ? "all maps" : "the largest input and the largest output of a layer";
  return [
    `${model}, ${width}x wide, ${precision}, ${phase}, a batch of ${batch}`,
    "",
    formatTable(columns, report.maps),
    "",
    `activations  ${formatBytes(report.activationBytes)}, ${activationShare.toFixed(1)} % (${kept})`,
    `weights      ${formatBytes(report.weightBytes)}, ${weightShare.toFixed(1)} %`,
    ...(phase === "training"
      ? [`gradients    ${formatBytes(report.gradientBytes)} (the two largest maps; in neither share)`]
      : []),
    `together     ${formatBytes(report.totalBytes)}`,
  ].join("\n");
}
