import {
  type ComputeCost,
  type CostConvention,
  type CostFigures,
  computeCost,
  type LayerCost,
  readLayers,
} from "@lowbit/wrpn";
import { builtInNetwork, logitsOf, type NetworkChoice, precisionOption, resolveOption } from "./built-in-network.js";
import { type Column, formatBytes, formatTable } from "./table.js";

export interface CostChoice extends NetworkChoice {
  readonly precision: string;
  readonly convention: string;
}

/** What one forward pass costs: the network's figures, and those of each layer. */
export interface CostReport extends CostFigures {
  readonly model: string;
  readonly inputShape: readonly number[];
  readonly width: number;
  readonly firstLayerWidth: number;
  readonly precision: string;
  readonly convention: string;
  readonly layers: readonly LayerCost[];
}

/** The cost of a network at a width and a precision, relative to the same at 1x in fp32. */
export function costOf(choice: NetworkChoice, precision: string, convention: CostConvention): ComputeCost {
  const baseline = readLayers(logitsOf(builtInNetwork({ ...choice, width: 1, firstLayerWidth: 1 })));
  const layers = readLayers(logitsOf(builtInNetwork(choice)), { precision });
  return resolveOption("--convention", () => computeCost(layers, { baseline, convention }));
}

/** `lowbit cost`, from what was typed to the figures. */
export function runCost({ convention, ...choice }: CostChoice): CostReport {
  const precision = precisionOption(choice.precision);
  const { name: model, inputShape } = builtInNetwork(pickNetwork(choice));
  const { width, firstLayerWidth = width } = choice;
  const { total, layers } = costOf(pickNetwork(choice), precision, convention as CostConvention); // a choice of the verb
  return { ...total, model, inputShape, width, firstLayerWidth, precision, convention, layers };
}

/** The options that make the network, without those of the verb. */
export function pickNetwork({ model, width, firstLayerWidth, input, classes }: NetworkChoice): NetworkChoice {
  return { model, width, firstLayerWidth, input, classes };
}

const bits = (count: number): string => (count === 32 ? "fp32" : String(count));
const count = (value: number): string => value.toLocaleString("en");

const columns: readonly Column<LayerCost>[] = [
  { title: "layer", value: ({ name }) => name },
  { title: "w bits", value: ({ weightBits }) => bits(weightBits), isNumber: true },
  { title: "a bits", value: ({ inputBits }) => bits(inputBits), isNumber: true },
  { title: "MACs", value: ({ macs }) => count(macs), isNumber: true },
  { title: "at 1x", value: ({ baselineMacs }) => count(baselineMacs), isNumber: true },
  {
    title: "cost",
    value: ({ relativeCost }) => (Number.isFinite(relativeCost) ? relativeCost.toFixed(3) : "new"),
    isNumber: true,
  },
  { title: "weights", value: ({ weightBytes }) => formatBytes(weightBytes), isNumber: true },
  { title: "packed", value: ({ packedBytes }) => formatBytes(packedBytes), isNumber: true },
];

const conventions: Readonly<Record<string, string>> = {
  charged: "layers in full precision at 64 bits a MAC",
  uniform: "every layer at the quantized bits",
  quantized: "quantized layers only, on both sides",
};

export function formatCost(report: CostReport): string {
  const { model, inputShape, width, firstLayerWidth, precision, convention } = report;
  const first = firstLayerWidth === width ? "" : ` (first layer ${firstLayerWidth}x)`;
  return [
    `${model}, ${width}x wide${first}, ${precision}, one image [${inputShape.join(", ")}]; ${convention}: ${conventions[convention]}`,
    "",
    formatTable(columns, report.layers),
    "",
    `MACs            ${count(report.macs)}, ${report.macRatio.toFixed(3)} times the ${count(report.baselineMacs)} at 1x`,
    `cost            ${report.relativeCost.toFixed(3)} of 1x fp32 (MACs x bits of weights and inputs together)`,
    `bit operations  ${count(report.bitOperations)} (MACs x weight bits x input bits)`,
    `weights         ${formatBytes(report.weightBytes)} in fp32, ${formatBytes(report.packedBytes)} packed`,
  ].join("\n");
}
