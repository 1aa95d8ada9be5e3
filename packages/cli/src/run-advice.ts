import { type Advice, advise, type Candidate, computeCost, memoryFootprint, readLayers } from "@lowbit/wrpn";
import { builtInNetwork, logitsOf, type NetworkChoice } from "./built-in-network.js";
import { readBudget } from "./read-budget.js";
import { readStudy } from "./read-study.js";
import { pickNetwork } from "./run-cost.js";
import { type Column, formatBytes, formatTable } from "./table.js";

export interface AdviceChoice extends Omit<NetworkChoice, "width"> {
  readonly budget: readonly string[];
  readonly batch: number;
  readonly study: readonly string[];
  readonly data?: string;
  /** The width of the network that counts as 1x. */
  readonly baseWidth: number;
  readonly limit?: number;
}

/** What fits a budget, best first. */
export interface AdviceReport {
  readonly model: string;
  readonly baseWidth: number;
  readonly budget: readonly string[];
  readonly batch: number;
  /** All pairs that were looked at. */
  readonly candidates: number;
  /** How many of them fit. */
  readonly fitting: number;
  readonly advice: readonly Advice[];
}

/** Factors on the base width. */
const widths = [1, 1.3, 1.5, 2, 2.5, 3, 4];
const bits = [8, 4, 2, 1];
const precisions = ["fp32", ...bits.flatMap((w) => bits.map((a) => `w${w}a${a}`))];

/** Every pair of width and precision, with what it needs. */
function listCandidates(choice: Omit<NetworkChoice, "width">, baseWidth: number, batch: number): Candidate[] {
  const atBaseWidth = { ...choice, width: baseWidth, firstLayerWidth: baseWidth };
  const baseline = readLayers(logitsOf(builtInNetwork(atBaseWidth)));
  return widths.flatMap((factor) => {
    const width = factor * baseWidth;
    const network = builtInNetwork({ ...choice, width });
    const [one, many] = [logitsOf(network), logitsOf(network, batch)];
    return precisions.map((precision): Candidate => {
      const { relativeCost, packedBytes } = computeCost(readLayers(one, { precision }), { baseline }).total;
      const { totalBytes: memoryBytes } = memoryFootprint(many, { phase: "inference", precision });
      return { width, precision, relativeCost, packedBytes, memoryBytes };
    });
  });
}

/** `lowbit advise`, from what was typed to the list. */
export async function runAdvice(options: AdviceChoice): Promise<AdviceReport> {
  const { budget, batch, study, data, baseWidth, limit, ...choice } = options;
  const network = pickNetwork({ ...choice, width: baseWidth });
  const candidates = listCandidates(network, baseWidth, batch);
  const limits = readBudget(budget, candidates[0]); // the first one is 1x in fp32
  const measured = (await Promise.all(study.map((file) => readStudy(file, choice.model, data)))).flat();
  const advice = advise(candidates, limits, measured);
  const fitting = advice.length;
  return {
    model: choice.model,
    baseWidth,
    budget,
    batch,
    candidates: candidates.length,
    fitting,
    advice: advice.slice(0, limit),
  };
}

const columns: readonly Column<Advice & { readonly rank: number }>[] = [
  { title: "#", value: ({ rank }) => String(rank), isNumber: true },
  { title: "width", value: ({ width }) => `${width}x`, isNumber: true },
  { title: "precision", value: ({ precision }) => precision },
  { title: "cost", value: ({ relativeCost }) => relativeCost.toFixed(3), isNumber: true },
  { title: "size", value: ({ packedBytes }) => formatBytes(packedBytes), isNumber: true },
  { title: "memory", value: ({ memoryBytes }) => formatBytes(memoryBytes), isNumber: true },
  {
    title: "accuracy",
    value: ({ accuracy }) => (accuracy === undefined ? "" : `${accuracy.toFixed(2)} %`),
    isNumber: true,
  },
  { title: "ranked by", value: ({ rankedBy, sources = [] }) => [rankedBy, ...sources].join(": ") },
];

export function formatAdvice({ model, budget, batch, candidates, fitting, advice }: AdviceReport): string {
  const headline = `${model} within ${budget.join(" and ")}: ${fitting} of ${candidates} pairs of width and precision fit`;
  if (fitting === 0) return `${headline}; a larger budget, or a smaller model, would do`;
  const isMeasured = advice.some(({ rankedBy }) => rankedBy === "accuracy");
  return [
    headline,
    "",
    formatTable(
      columns,
      advice.map((each, i) => ({ ...each, rank: i + 1 })),
    ),
    "",
    `cost is relative to 1x fp32; size is that of packed weights; memory is that of inference at batch ${batch}, by WRPN's formula`,
    isMeasured
      ? "those with an accuracy were measured; the others stand behind them, the cheapest first"
      : "no accuracy was measured: the cheapest comes first, which says nothing about how well it does (--study FILE)",
  ].join("\n");
}
