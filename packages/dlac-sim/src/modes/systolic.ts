import type { SystolicConfiguration } from "../config/config.js";
import { peKinds } from "../config/pe-kind.js";
import type { CyclesBy, LayerRun } from "../layer-report.js";
import { type Layer, type Products, productsOf } from "../workload/layer.js";
import { replayScalesim, type ScalesimReplay } from "./scalesim/replay.js";
import { type Mapping, mapProduct } from "./systolic-mapping.js";
import { fetchedWords } from "./systolic-traffic.js";

/**
 * Cycles, traffic and use of one layer on a systolic array; groups run one after the other.
 *
 * @param replay  SCALE-Sim's memories of this layer, where they are known already
 */
export function runSystolic(layer: Layer, machine: SystolicConfiguration, replay?: ScalesimReplay): LayerRun {
  const { rows, columns, scalesimCompat } = machine;
  const products = productsOf(layer, scalesimCompat ? "ceiling" : "floor");
  const { groups, macs } = products;
  const mapping = mapProduct(products, machine);
  const folds = groups * mapping.rowFolds * mapping.columnFolds;
  const stepCycles = folds * mapping.steps;
  const peakMacsPerCycle = rows * columns;
  const compute = Math.floor(macs / peakMacsPerCycle);
  const unstalled = folds * (mapping.steps + mapping.overhead);
  const words = fetchedWords(layer, products, mapping, machine);
  const cyclesBy = withoutLastCycle(
    {
      compute,
      fill: folds * mapping.overhead,
      drain: 0,
      imbalance: stepCycles - compute,
      bandwidth: stallCycles(words, unstalled, layer, machine, replay),
      synchronisation: 0,
    },
    scalesimCompat,
  );
  const { wBits, aBits } = bitsOf(layer, machine);
  const reads = sramWords(products, mapping, machine);
  return {
    macs,
    executedMacs: macs,
    cyclesBy,
    peakMacsPerCycle,
    mappingUtilisation: macs / (stepCycles * peakMacsPerCycle),
    sram: { inputBits: reads.inputs * aBits, weightBits: reads.weights * wBits, outputBits: reads.outputs * aBits },
    dram: { inputBits: words.inputs * aBits, weightBits: words.weights * wBits, outputBits: words.outputs * aBits },
  };
}

const bitsOf = ({ wBits, aBits }: Layer, { pe }: SystolicConfiguration): { wBits: number; aBits: number } => ({
  wBits: wBits ?? peKinds[pe].wBits,
  aBits: aBits ?? peKinds[pe].aBits,
});

/** SCALE-Sim's total is the index of the last cycle, counted from 0. */
function withoutLastCycle(by: CyclesBy, isCompatible: boolean): CyclesBy {
  if (!isCompatible) return by;
  if (by.fill > 0) return { ...by, fill: by.fill - 1 };
  return by.imbalance > 0 ? { ...by, imbalance: by.imbalance - 1 } : { ...by, compute: by.compute - 1 };
}

/**
 * Each operand has a port of its own; the slowest one decides. Transfers overlap with computing. SCALE-Sim's own count comes from a
 * replay of its memories.
 */
function stallCycles(
  words: { readonly inputs: number; readonly weights: number; readonly outputs: number },
  unstalled: number,
  layer: Layer,
  machine: SystolicConfiguration,
  replay?: ScalesimReplay,
): number {
  if (machine.dramBitsPerCycle === undefined) return 0;
  if (machine.scalesimCompat) {
    return layer.groups * ((replay ?? replayScalesim(layer, machine)).totalCycles + 1) - unstalled;
  }
  const { wBits, aBits } = bitsOf(layer, machine);
  const mostBits = Math.max(words.inputs * aBits, words.weights * wBits, words.outputs * aBits);
  return Math.max(0, Math.ceil(mostBits / machine.dramBitsPerCycle) - unstalled);
}

/**
 * Words between SRAM and array. In output-stationary mode SCALE-Sim counts rows + columns output writes too many for each fold (its
 * issue #166); we don't.
 */
export function sramWords(
  { groups, pixels, filters, window }: Products,
  { rowFolds, columnFolds }: Mapping,
  { dataflow }: SystolicConfiguration,
): { readonly inputs: number; readonly weights: number; readonly outputs: number } {
  const [inputs, weights, outputs] = [pixels * window, window * filters, pixels * filters];
  const perGroup = {
    os: { inputs: inputs * columnFolds, weights: weights * rowFolds, outputs },
    ws: { inputs: inputs * columnFolds, weights, outputs: outputs * rowFolds },
    is: { inputs, weights: weights * columnFolds, outputs: outputs * rowFolds },
  }[dataflow];
  return {
    inputs: groups * perGroup.inputs,
    weights: groups * perGroup.weights,
    outputs: groups * perGroup.outputs,
  };
}

/** What SCALE-Sim's compute report says besides cycles, all in per cent. */
export function systolicShares(layer: Layer, machine: SystolicConfiguration): { mapping: number; compute: number } {
  const products = productsOf(layer, machine.scalesimCompat ? "ceiling" : "floor");
  const mapping = mapProduct(products, machine);
  const { rows, columns, dataflow } = machine;
  const used = (mapping.onRows * mapping.onColumns) / (mapping.rowFolds * mapping.columnFolds * rows * columns);
  // Its folds are longer here than in its cycles where something stays in the array: the last values' way through the columns.
  const foldCycles = mapping.steps + mapping.overhead + (dataflow === "os" ? 0 : columns - 1);
  return { mapping: 100 * used, compute: (100 * used * mapping.steps) / foldCycles };
}
