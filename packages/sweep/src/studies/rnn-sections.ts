import type { Section, Series } from "@lowbit/report";
import type { FinishedTrial } from "../define-study.js";
import { formatSpread } from "../spread.js";
import {
  baselineOf,
  bitsPerCharacter,
  CELLS,
  type Cell,
  FACTORS,
  type Measured,
  measuredOf,
  PRECISIONS,
  type Row,
  rowsOf,
  SEEDS,
  smallestReaching,
} from "./rnn-rows.js";

const digits = bitsPerCharacter.digits;

/** At which multiplier matrices of k bits take what they take at 1x in fp32. */
const breakEvenOf = (precision: string): string => Math.sqrt(32 / Number(/^w(\d+)/.exec(precision)?.[1])).toFixed(2);

function smallest(finished: readonly FinishedTrial[]): Section {
  const rows = CELLS.flatMap((cell) => {
    const fp32 = measuredOf(finished, baselineOf(cell));
    if (!fp32) return [];
    const own = [cell, "fp32", "1", formatSpread(fp32.bits, digits), String(fp32.packedBytes), "1", "–"];
    const others = PRECISIONS.filter((precision) => rowsOf(cell, precision).some((row) => measuredOf(finished, row)));
    return [own, ...others.map((precision) => smallestLine(finished, cell, precision, fp32))];
  });
  return {
    heading: "The smallest multiplier that reaches fp32",
    text: [
      `Of those tried, the smallest hidden multiplier whose mean over the seeds (${SEEDS.length} once the study is whole) is not above the mean of fp32 at 1x, and what the whole packed network takes there, embedding and output layer in fp32 included, as a part of fp32 at 1x: below 1 is below break-even. Beside it the multiplier at which the recurrent matrices alone would take as much as in fp32, √(32 / k).`,
    ],
    table: {
      columns: [
        ...["cell", "precision", "smallest multiplier", "bits per character", "packed bytes", "of fp32 at 1x"],
        "break-even of the matrices",
      ],
      rows,
    },
  };
}

function smallestLine(finished: readonly FinishedTrial[], cell: Cell, precision: string, fp32: Measured): string[] {
  const found = smallestReaching(finished, cell, precision);
  const tried = rowsOf(cell, precision).filter((row) => measuredOf(finished, row));
  if (!found) {
    const most = tried[tried.length - 1].factor;
    return [cell, precision, `none up to ${most}`, "–", "–", "–", breakEvenOf(precision)];
  }
  const { row, measured } = found;
  const ratio = (measured.packedBytes / fp32.packedBytes).toFixed(2);
  const bits = formatSpread(measured.bits, digits);
  return [cell, precision, String(row.factor), bits, String(measured.packedBytes), ratio, breakEvenOf(precision)];
}

function everyRow(finished: readonly FinishedTrial[]): Section {
  const all = CELLS.flatMap((cell) => [
    baselineOf(cell),
    ...PRECISIONS.flatMap((precision) => rowsOf(cell, precision)),
  ]);
  const rows = all.flatMap((row) => {
    const measured = measuredOf(finished, row);
    const fp32 = measuredOf(finished, baselineOf(row.cell));
    if (!measured || !fp32) return [];
    const { bits, packedBytes } = measured;
    const ratio = (packedBytes / fp32.packedBytes).toFixed(2);
    return [[row.cell, row.precision, String(row.factor), formatSpread(bits, digits), String(packedBytes), ratio]];
  });
  return {
    heading: "Every precision and multiplier",
    text: [
      "Bits per character on the test text: mean ± standard deviation (seeds). All networks take the same number of steps over the same characters: what a wider one gains, it gains at more work a step.",
    ],
    table: {
      columns: ["cell", "precision", "multiplier", "bits per character", "packed bytes", "of fp32 at 1x"],
      rows,
    },
  };
}

/** Bits per character against the size of the packed network, a line for each precision. */
function sizeChart(finished: readonly FinishedTrial[], cell: Cell): Section[] {
  const lineOf = (name: string, rows: readonly Row[]): Series[] => {
    const points = rows.flatMap((row) => {
      const measured = measuredOf(finished, row);
      if (!measured) return [];
      return [{ x: measured.packedBytes / 1000, y: measured.bits.mean, spread: measured.bits.deviation }];
    });
    return points.length > 0 ? [{ name, points }] : [];
  };
  const series = [
    ...lineOf("fp32", [baselineOf(cell)]),
    ...Object.keys(FACTORS).flatMap((precision) => lineOf(precision, rowsOf(cell, precision))),
  ];
  if (series.length === 0) return [];
  const axes = { x: { label: "packed network, kB" }, y: { label: "bits per character" } };
  return [
    {
      heading: `Size and quality, ${cell}`,
      text: ["Left of and below fp32's point is smaller and better. Bars are one standard deviation to each side."],
      chart: {
        name: `size-${cell}`,
        title: `bits per character against the packed size, ${cell}, a line for each precision`,
        chart: { kind: "lines", ...axes, series },
      },
    },
  ];
}

/** The tables and charts of the study, of whatever trials there are. */
export const rnnSections = (finished: readonly FinishedTrial[]): Section[] => [
  smallest(finished),
  everyRow(finished),
  ...CELLS.flatMap((cell) => sizeChart(finished, cell)),
];
