import type { Section } from "@lowbit/report";
import type { FinishedTrial } from "../define-study.js";
import { formatSpread } from "../spread.js";
import { claimKinds, type Kind, type Measured, measuredOf, otherKinds } from "./dlac-rows.js";

const count = (value: number): string => Math.round(value).toLocaleString("en");

const about: Readonly<Record<Kind, string>> = {
  fp32: "full precision",
  ternary: "ternary weights, one epoch in full precision first",
  sparse: "the same with a price on activations and a raised ReLU threshold",
  "ternary-from-scratch": "ternary weights from the first step",
  "penalty-alone": "ternary with the price on activations alone",
  "threshold-alone": "ternary with the raised ReLU threshold alone",
  "ternary-cosine": "ternary, half a cosine instead of drops by the training error",
};

const rowOf = ({ kind, accuracy, macs, executedMacs, lessCompute, speedUp }: Measured): string[] => [
  kind,
  about[kind],
  formatSpread(accuracy),
  count(macs),
  count(executedMacs),
  formatSpread(lessCompute),
  formatSpread(speedUp),
];

function table(heading: string, text: string, rows: readonly Measured[]): Section {
  const columns = [
    "row",
    "what",
    "test accuracy, %",
    "MACs",
    "executed",
    "dense ÷ executed",
    "cycles, dense ÷ skipping",
  ];
  return { heading, text: [text], table: { columns, rows: rows.map(rowOf) } };
}

/** The gain of each layer against its depth, a line for each kind. */
function depthChart(rows: readonly Measured[]): Section {
  const series = rows.map(({ kind, layers }) => ({
    name: kind,
    points: layers.map(({ depth, gain }) => ({ x: depth, y: gain.mean, spread: gain.deviation })),
  }));
  const chart = {
    kind: "lines",
    x: { label: "layer, from the first with weights" },
    y: { label: "cycles without skipping ÷ with" },
    series,
  } as const;
  return {
    heading: "What skipping gains, layer by layer",
    text: [
      "Simulated, not measured on hardware: the event model of an assumed grid, on the networks' own weights and the activations of two test images. Bars are one standard deviation to each side, over seeds.",
    ],
    chart: { name: "skip-gain", title: "gain from skipping zeros against the depth of the layer", chart },
  };
}

function layerTable({ kind, layers }: Measured): Section {
  const percent = (share: number): string => (100 * share).toFixed(1);
  return {
    heading: `Layers of ${kind}`,
    table: {
      columns: ["layer", "name", "weights that are not 0, %", "inputs that are not 0, %", "skip gain"],
      rows: layers.map(({ depth, layer, weights, inputs, gain }) => [
        String(depth),
        layer,
        percent(weights),
        percent(inputs),
        formatSpread(gain),
      ]),
    },
  };
}

/** The study's tables and the chart of gains, of whatever trials there are. */
export function dlacSections(finished: readonly FinishedTrial[]): Section[] {
  const measured = (kinds: readonly Kind[]) => kinds.flatMap((kind) => measuredOf(finished, kind) ?? []);
  const [main, others] = [measured(claimKinds), measured(otherKinds)];
  return [
    ...(main.length > 0
      ? [
          table(
            "Accuracy and compute",
            "Executed: multiply-accumulates of a weight and an activation that are both not zero, in the simulated event model.",
            main,
          ),
          depthChart(main),
        ]
      : []),
    ...(others.length > 0 ? [table("What each technique does", "One seed each.", others)] : []),
    ...main.map(layerTable),
  ];
}
