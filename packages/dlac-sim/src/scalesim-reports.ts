import type { SystolicConfiguration } from "./config/config.js";
import { cyclesOf } from "./layer-report.js";
import { mapProduct, runSystolic, sramWords, systolicShares } from "./modes/systolic.js";
import { fetchedWords } from "./modes/systolic-traffic.js";
import { type Layer, productsOf } from "./workload/layer.js";
import type { Workload } from "./workload/read-workload.js";

const computeColumns = ["Total Cycles", "Stall Cycles", "Overall Util %", "Mapping Efficiency %", "Compute Util %"];
const bandwidthColumns = ["SRAM", "DRAM"].flatMap((level) =>
  ["IFMAP", "FILTER", "OFMAP"].map((operand) => `Avg ${operand} ${level} BW`),
);
const accessColumns = ["SRAM", "DRAM"].flatMap((level) =>
  ["IFMAP", "Filter", "OFMAP"].flatMap((operand) => [
    `${level} ${operand} Start Cycle`,
    `${level} ${operand} Stop Cycle`,
    `${level} ${operand} ${operand === "OFMAP" ? "Writes" : "Reads"}`,
  ]),
);

/**
 * SCALE-Sim's three reports, in its columns and its layout, by file name: COMPUTE_REPORT.csv, BANDWIDTH_REPORT.csv and
 * DETAILED_ACCESS_REPORT.csv.
 *
 * Bandwidths are words a cycle. SRAM columns follow its traces, with output writes of output stationary arrays counted once (its issue
 * #166). There is no trace of DRAM here: its words are this model's, spread over the whole layer.
 */
export function scalesimReports(workload: Workload, machine: SystolicConfiguration): ReadonlyMap<string, string> {
  const rows = workload.layers.map((layer) => reportLayer(layer, machine));
  const table = (columns: readonly string[], pick: (row: LayerRows) => readonly number[]): string =>
    [`LayerID, ${columns.join(", ")},`, ...rows.map((row, id) => `${id}, ${pick(row).join(", ")},`), ""].join("\n");
  return new Map([
    ["COMPUTE_REPORT.csv", table(computeColumns, ({ compute }) => compute)],
    ["BANDWIDTH_REPORT.csv", table(bandwidthColumns, ({ bandwidth }) => bandwidth)],
    ["DETAILED_ACCESS_REPORT.csv", table(accessColumns, ({ access }) => access)],
  ]);
}

interface LayerRows {
  readonly compute: readonly number[];
  readonly bandwidth: readonly number[];
  readonly access: readonly number[];
}

function reportLayer(layer: Layer, machine: SystolicConfiguration): LayerRows {
  const { macs, cyclesBy } = runSystolic(layer, machine);
  const cycles = cyclesOf(cyclesBy);
  const products = productsOf(layer, machine.scalesimCompat ? "ceiling" : "floor");
  const mapping = mapProduct(products, machine);
  const shares = systolicShares(layer, machine);
  const sram = sramWords(products, mapping, machine);
  const dram = fetchedWords(layer, products, mapping, machine);
  const words = [sram.inputs, sram.weights, sram.outputs, dram.inputs, dram.weights, dram.outputs];
  const spans = [...sramSpans(cycles, mapping.steps, machine), ...Array.from({ length: 3 }, () => [0, cycles])];
  return {
    compute: [
      cycles,
      cyclesBy.bandwidth,
      (100 * macs) / (cycles * machine.rows * machine.columns),
      shares.mapping,
      shares.compute,
    ],
    bandwidth: words.map((count) => count / cycles),
    access: words.flatMap((count, index) => [...spans[index], count]),
  };
}

/** First and last cycle in which the array reads inputs and weights and writes outputs, as SCALE-Sim's traces have them. */
function sramSpans(cycles: number, steps: number, { rows, columns, dataflow }: SystolicConfiguration): number[][] {
  const last = cycles + 1;
  if (dataflow === "os") {
    return [
      [1, last - (columns - 1)],
      [1, last - (rows - 1)],
      [steps - 1, cycles],
    ];
  }
  const fold = steps + 2 * rows + columns - 2;
  const stationary = [1, last - fold + rows];
  const streamed = [rows + 1, last - (columns - 1)];
  const outputs = [2 * rows - 1, cycles];
  return dataflow === "ws" ? [streamed, stationary, outputs] : [stationary, streamed, outputs];
}
