import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { type Configuration, type Layer, type PeKindName, peKinds, simulate, type Technology } from "@lowbit/dlac-sim";
import type { Report, Series } from "@lowbit/report";
import { formatSpread, type Spread, spreadOf } from "@lowbit/sweep";
import { modelWorkload } from "./model-workload.js";
import { readStudy } from "./read-study.js";
import { readConfiguration, readTechnology, type SimulationOptions } from "./run-simulation.js";
import { type Column, formatTable } from "./table.js";
import { checkReportFile, writeReport } from "./write-report.js";

/** A width and a precision: what a study measured of them, and what they cost here. */
interface ParetoRow {
  readonly width: number;
  readonly precision: string;
  readonly accuracy: Spread;
  /** Of one image, simulated. */
  readonly energyPJ: number;
  readonly cycles: number;
  /** No other row is as accurate for less energy, or more accurate for the same. */
  readonly isOnFront: boolean;
}

export interface ParetoFront {
  readonly model: string;
  readonly study: string;
  /** By energy, the least first. */
  readonly rows: readonly ParetoRow[];
}

/** The leanest kind of processing element first. */
const kindsByCost: readonly PeKindName[] = ["binary", "int4-ternary", "int4", "int8", "fp32-ternary", "fp32"];

/** What multiplies a layer's bits with the least energy. */
function kindFor({ wBits = 32, aBits = 32 }: Layer): PeKindName {
  return kindsByCost.find((name) => peKinds[name].wBits >= wBits && peKinds[name].aBits >= aBits) ?? "fp32";
}

/**
 * `lowbit simulate pareto`: WRPN's width × precision, by accuracy and simulated energy. Each layer runs on the kind of element that its
 * bits need, on the same grid; values without zeros unless the densities say otherwise.
 */
export async function runPareto(
  options: SimulationOptions & { readonly study: string },
): Promise<{ readonly front: ParetoFront; readonly written: readonly string[] }> {
  const { study, model, data, report, input, wDensity, aDensity } = options;
  if (report !== undefined) checkReportFile(report);
  if (model === undefined) throw new ArgumentError("pareto needs a model", { where: "--model", want: "--model NAME" });
  const machine = await readConfiguration(options);
  if (machine.mode !== "closed" && machine.mode !== "event") {
    throw new ArgumentError(`pareto needs a grid, and this machine is ${machine.mode}`, {
      where: "--config",
      want: "a machine in mode closed or event, whose elements can be of each kind",
    });
  }
  const technology = await readTechnology(options.technology);
  const measured = new Map<string, { width: number; precision: string; accuracies: number[] }>();
  for (const { width, precision, accuracy } of await readStudy(study, model, data)) {
    const key = `${width} ${precision}`;
    const row = measured.get(key) ?? { width, precision, accuracies: [] };
    row.accuracies.push(accuracy);
    measured.set(key, row);
  }
  const costs = [...measured.values()].map(({ width, precision, accuracies }) => {
    const { layers } = modelWorkload({ model, width, input }, precision, { wDensity, aDensity });
    return { width, precision, accuracy: spreadOf(accuracies), ...costOf(layers, machine, technology) };
  });
  const rows = costs
    .map((row) => ({ ...row, isOnFront: !costs.some((other) => isBetter(other, row)) }))
    .sort((a, b) => a.energyPJ - b.energyPJ);
  const front = { model, study, rows };
  return { front, written: report === undefined ? [] : await writeReport(openStorage(), report, reportPareto(front)) };
}

type Cost = Pick<ParetoRow, "accuracy" | "energyPJ">;

const isBetter = (a: Cost, b: Cost): boolean =>
  a.accuracy.mean >= b.accuracy.mean &&
  a.energyPJ <= b.energyPJ &&
  (a.accuracy.mean > b.accuracy.mean || a.energyPJ < b.energyPJ);

/** Energy and cycles of layers, each on the kind of element that it needs. */
function costOf(
  layers: readonly Layer[],
  machine: Configuration,
  technology: Technology,
): { readonly energyPJ: number; readonly cycles: number } {
  let [energyPJ, cycles] = [0, 0];
  for (const pe of kindsByCost) {
    const own = layers.filter((layer) => kindFor(layer) === pe);
    if (own.length === 0) continue;
    const { total } = simulate({ name: pe, layers: own }, { ...machine, pe }, { technology });
    energyPJ += total.energyPJ;
    cycles += total.cycles;
  }
  return { energyPJ, cycles };
}

const microjoule = (energyPJ: number): number => energyPJ / 1e6;

const columns: readonly Column<ParetoRow>[] = [
  { title: "width", value: ({ width }) => String(width), isNumber: true },
  { title: "precision", value: ({ precision }) => precision },
  { title: "accuracy, %", value: ({ accuracy }) => formatSpread(accuracy), isNumber: true },
  { title: "µJ", value: ({ energyPJ }) => microjoule(energyPJ).toFixed(2), isNumber: true },
  { title: "cycles", value: ({ cycles }) => cycles.toLocaleString("en"), isNumber: true },
  { title: "front", value: ({ isOnFront }) => (isOnFront ? "yes" : "") },
];

const titleOf = ({ model, study }: ParetoFront): string =>
  `${model}: accuracy that ${study} measured, energy of an image on a simulated grid`;

export function formatPareto(front: ParetoFront): string {
  return [titleOf(front), "", formatTable(columns, front.rows)].join("\n");
}

function reportPareto(front: ParetoFront): Report {
  const pointOf = ({ energyPJ, accuracy }: ParetoRow) => ({
    x: microjoule(energyPJ),
    y: accuracy.mean,
    spread: accuracy.deviation,
  });
  const precisions = [...new Set(front.rows.map(({ precision }) => precision))];
  const series: Series[] = [
    { name: "Pareto front", points: front.rows.filter(({ isOnFront }) => isOnFront).map(pointOf) },
    ...precisions.map((precision) => ({
      name: precision,
      points: front.rows.filter((row) => row.precision === precision).map(pointOf),
    })),
  ];
  return {
    title: titleOf(front),
    text: [
      "The energies are a model's results, not measured on hardware. Each layer runs on the kind of element that its bits need.",
    ],
    sections: [
      {
        heading: "Width × precision",
        chart: {
          name: "pareto",
          title: "accuracy against simulated energy, a line for each precision over its widths, and the Pareto front",
          chart: {
            kind: "lines",
            x: { label: "energy of an image, µJ", scale: "log" },
            y: { label: "test accuracy, %" },
            series,
          },
        },
        table: {
          columns: columns.map(({ title }) => title),
          rows: front.rows.map((row) => columns.map(({ value }) => value(row))),
        },
      },
    ],
  };
}
