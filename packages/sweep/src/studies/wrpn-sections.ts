import type { Section, Series } from "@lowbit/report";
import type { FinishedTrial } from "../define-study.js";
import { formatSpread, spreadOf } from "../spread.js";
import { finishedOf, GRID_BITS, precisionOf, type Row, rowOf } from "./wrpn-rows.js";

/** Top-1 % on ILSVRC-12 as arXiv 1709.01134 prints it; what it doesn't print is missing. */
const PRINTED_RESNET34: Readonly<Record<string, number>> = {
  ...{ "1x fp32": 73.59, "1x w1a1": 60.54, "2x w4a4": 74.52, "2x w2a4": 73.58, "2x w2a2": 73.32 },
  ...{ "2x w1a1": 69.85, "3x w1a1": 72.38 },
};
const PRINTED_ALEXNET: Readonly<Record<string, number>> = {
  ...{ "1x fp32": 57.2, "1x w1a1": 44.2, "1.3x w1a1": 48.04, "2x w1a1": 48.3, "2x w2a2": 55.8 },
  ...{ "2x w2a4": 57.2, "2x w4a4": 58.6, "1x w32a4": 54.4, "1x w32a2": 52.7 },
};
/** AlexNet 1x: rows are weights, columns activations, both at 32, 8, 4, 2 and 1 bits. TTQ's and BWN's cells are those papers'. */
const PRINTED_GRID: readonly (readonly string[])[] = [
  ["57.2", "54.3", "54.4", "52.7", "–"],
  ["–", "54.5", "53.2", "51.5", "–"],
  ["–", "54.2", "54.4", "52.4", "–"],
  ["57.5", "50.2", "50.5", "51.3", "–"],
  ["56.8", "–", "–", "–", "44.2"],
];

const nameOf = ({ factor, precision }: Row): string => `${factor}x ${precision}`;

const tableRows: readonly Row[] = [
  rowOf(1, "fp32"),
  ...["w4a32", "w32a4", "w2a32", "w32a2", "w1a1"].map((precision) => rowOf(1, precision)),
  rowOf(1.3, "w1a1"),
  ...["w4a4", "w2a4", "w2a2", "w1a1"].map((precision) => rowOf(2, precision)),
  rowOf(3, "w1a1"),
];

const printed = (value: number | undefined): string => (value === undefined ? "–" : String(value));

/** Our rows beside the paper's, which are of other networks and other images: only their order can be compared. */
function comparison(finished: readonly FinishedTrial[]): Section {
  const rows = tableRows.flatMap((row) => {
    const found = finishedOf(finished, row);
    if (found.length === 0) return [];
    const ours = formatSpread(spreadOf(found.map(({ result }) => result.accuracy)));
    const bytes = found[0].result.packedBytes;
    return [
      [
        nameOf(row),
        ours,
        String(bytes ?? "–"),
        printed(PRINTED_RESNET34[nameOf(row)]),
        printed(PRINTED_ALEXNET[nameOf(row)]),
      ],
    ];
  });
  return {
    heading: "Width and precision, beside the paper",
    text: [
      "Ours: test accuracy on Fashion-MNIST in per cent, mean ± standard deviation (seeds), and the bytes of the packed network, its layers in full precision included. The paper's: top-1 on ILSVRC-12 in per cent, of networks a thousand times larger; compare the order, not the height.",
    ],
    table: { columns: ["network", "ours", "packed bytes", "ResNet-34 in the paper", "AlexNet in the paper"], rows },
  };
}

/** Accuracy against width for each precision that has more than one width, over fp32 at 1x. */
function widthChart(finished: readonly FinishedTrial[]): Section | undefined {
  const precisions = ["fp32", "w4a4", "w2a4", "w2a2", "w1a1"];
  const series = precisions.flatMap((precision): Series[] => {
    const points = [1, 1.3, 2, 3].flatMap((factor) => {
      const accuracies = finishedOf(finished, rowOf(factor, precision)).map(({ result }) => result.accuracy);
      if (accuracies.length === 0) return [];
      const { mean, deviation } = spreadOf(accuracies);
      return [{ x: factor, y: mean, spread: deviation }];
    });
    return points.length > 0 ? [{ name: precision, points }] : [];
  });
  if (series.length === 0) return undefined;
  const chart = { kind: "lines", x: { label: "width" }, y: { label: "test accuracy, %" }, series } as const;
  return {
    heading: "What width gives back",
    text: ["Bars are one standard deviation to each side; a point without a bar is one seed."],
    chart: { name: "width", title: "test accuracy against width, a line for each precision", chart },
  };
}

function grid(finished: readonly FinishedTrial[]): Section[] {
  const names = GRID_BITS.map(String);
  const firstSeed = ({ key }: FinishedTrial): boolean => key.endsWith("-seed1");
  const accuracyAt = (w: number, a: number): number | undefined =>
    finishedOf(finished, rowOf(1, precisionOf(w, a))).find(firstSeed)?.result.accuracy;
  const cells = GRID_BITS.flatMap((w) =>
    GRID_BITS.flatMap((a) => {
      const value = accuracyAt(w, a);
      return value === undefined ? [] : [{ x: String(a), y: String(w), value }];
    }),
  );
  if (cells.length === 0) return [];
  const axes = { x: { label: "activation bits", names }, y: { label: "weight bits", names } };
  const chart = { kind: "heat", value: "test accuracy, %", ...axes, cells } as const;
  const show = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(1));
  const rows = GRID_BITS.map((w, i) => [
    String(w),
    ...GRID_BITS.map((a, j) => `${show(accuracyAt(w, a))} (${PRINTED_GRID[i][j]})`),
  ]);
  return [
    {
      heading: "Sensitivity at 1x, weights × activations",
      text: [
        "One seed a cell. In brackets AlexNet's cell in the paper, top-1 on ILSVRC-12; 57.5 there is trained ternary quantization's and 56.8 the binary weight network's.",
      ],
      table: { columns: ["weights \\ activations", ...names], rows },
      chart: { name: "grid", title: "test accuracy for each pair of weight and activation bits at 1x", chart },
    },
  ];
}

/** WRPN's tables and two charts, of whatever trials there are. */
export function wrpnSections(finished: readonly FinishedTrial[]): Section[] {
  const chart = widthChart(finished);
  return [comparison(finished), ...(chart ? [chart] : []), ...grid(finished)];
}
