import type { SystolicConfiguration } from "./config/config.js";
import { cyclesOf } from "./layer-report.js";
import type { PortUse } from "./modes/scalesim/read-buffers.js";
import { replayScalesim, type ScalesimReplay, type Span } from "./modes/scalesim/replay.js";
import { runSystolic, sramWords, systolicShares } from "./modes/systolic.js";
import { mapProduct } from "./modes/systolic-mapping.js";
import { fetchedWords } from "./modes/systolic-traffic.js";
import { type Layer, productsOf } from "./workload/layer.js";
import type { Workload } from "./workload/read-workload.js";

const computeColumns = [
  "Total Cycles (incl. prefetch)",
  "Total Cycles",
  "Stall Cycles",
  "Overall Util %",
  "Mapping Efficiency %",
  "Compute Util %",
];
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
 * SCALE-Sim's three reports, in v3's columns and layout, by file name: COMPUTE_REPORT.csv, BANDWIDTH_REPORT.csv and
 * DETAILED_ACCESS_REPORT.csv. Bandwidths are words a cycle; cycles before the first one, when the buffers are filled, are negative.
 *
 * With `scalesimCompat` all of it is SCALE-Sim's own count, from a replay of its memories, but for one column: output writes of
 * output stationary arrays are counted once (its issue #166). Else it is this package's: nothing is fetched ahead of the first cycle,
 * and DRAM's words are spread over the whole layer.
 */
export function scalesimReports(workload: Workload, machine: SystolicConfiguration): ReadonlyMap<string, string> {
  const known = new Map<string, LayerRows>();
  const rows = workload.layers.map((layer) => {
    const key = JSON.stringify({ ...layer, name: "" });
    const found = known.get(key) ?? reportLayer(layer, machine);
    known.set(key, found);
    return found;
  });
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
  const replay = machine.scalesimCompat ? replayScalesim(layer, machine) : undefined;
  const { macs, cyclesBy } = runSystolic(layer, machine, replay);
  const cycles = cyclesOf(cyclesBy);
  const products = productsOf(layer, machine.scalesimCompat ? "ceiling" : "floor");
  const mapping = mapProduct(products, machine);
  const shares = systolicShares(layer, machine);
  const sram = sramWords(products, mapping, machine);
  const use = replay
    ? replayedUse(replay, layer.groups)
    : ownUse(cycles, cyclesBy.bandwidth, mapping.steps, fetchedWords(layer, products, mapping, machine), machine);
  const sramCounts = [sram.inputs, sram.weights, sram.outputs];
  const dramRate = ({ start, stop, words }: PortUse): number => (stop < start ? 0 : words / (stop - start + 1));
  return {
    compute: [
      use.cyclesWithPrefetch,
      cycles,
      use.stallCycles,
      (100 * macs) / (cycles * machine.rows * machine.columns),
      shares.mapping,
      shares.compute,
    ],
    bandwidth: [...sramCounts.map((words) => words / cycles), ...use.dram.map(dramRate)],
    access: [
      ...use.sram.flatMap(({ start, stop }, operand) => [start, stop, sramCounts[operand]]),
      ...use.dram.flatMap(({ start, stop, words }) => [start, stop, words]),
    ],
  };
}

/** When, and for DRAM how much, of inputs, weights and outputs in this order. */
interface MemoryUse {
  readonly cyclesWithPrefetch: number;
  readonly stallCycles: number;
  readonly sram: readonly Span[];
  readonly dram: readonly PortUse[];
}

/** SCALE-Sim knows no groups: each is a layer of its own, one after the other. */
function replayedUse({ totalCycles, stallCycles, sram, dram, ...replay }: ScalesimReplay, groups: number): MemoryUse {
  const later = (groups - 1) * (totalCycles + 1);
  const span = ({ start, stop }: Span): Span => ({ start, stop: stop + later });
  const port = ({ words, ...use }: PortUse): PortUse => ({ ...span(use), words: groups * words });
  return {
    cyclesWithPrefetch: replay.cyclesWithPrefetch + later,
    stallCycles: groups * stallCycles,
    sram: [span(sram.inputs), span(sram.weights), span(sram.outputs)],
    dram: [port(dram.inputs), port(dram.weights), port(dram.outputs)],
  };
}

function ownUse(
  cycles: number,
  stallCycles: number,
  steps: number,
  words: ReturnType<typeof fetchedWords>,
  machine: SystolicConfiguration,
): MemoryUse {
  const port = (count: number): PortUse => ({ start: 0, stop: cycles - 1, words: count });
  return {
    cyclesWithPrefetch: cycles,
    stallCycles,
    sram: sramSpans(cycles, steps, machine),
    dram: [port(words.inputs), port(words.weights), port(words.outputs)],
  };
}

/** First and last cycle in which the array reads inputs and weights and writes outputs. */
function sramSpans(cycles: number, steps: number, { rows, columns, dataflow }: SystolicConfiguration): Span[] {
  const span = (start: number, stop: number): Span => ({ start, stop });
  if (dataflow === "os") {
    return [span(0, cycles - columns), span(0, cycles - rows), span(steps - 1, cycles - 1)];
  }
  const stationary = span(0, cycles - (steps + rows + columns - 2) - 1);
  const streamed = span(rows, cycles - columns);
  const outputs = span(2 * rows - 1, cycles - 1);
  return dataflow === "ws" ? [streamed, stationary, outputs] : [stationary, streamed, outputs];
}
