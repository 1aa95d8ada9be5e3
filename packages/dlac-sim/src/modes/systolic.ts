import type { SystolicConfiguration } from "../config/config.js";
import { peKinds } from "../config/pe-kind.js";
import type { CyclesBy, LayerRun } from "../layer-report.js";
import { type Layer, type Products, productsOf } from "../workload/layer.js";
import { fetchedWords } from "./systolic-traffic.js";

/** A product on an array: two axes lie on rows and columns, the third is time. */
export interface Mapping {
  /** Values along the rows, along the columns, and steps of one pass (a "fold"). */
  readonly onRows: number;
  readonly onColumns: number;
  readonly steps: number;
  readonly rowFolds: number;
  readonly columnFolds: number;
  /** Cycles of a fold besides its steps: skew, and loading what stays in the array. */
  readonly overhead: number;
}

/**
 * How a product [pixels, window] · [window, filters] lies on an array. Cycles are (steps + overhead) · folds:
 *
 *     output stationary   (K + R + C − 2)   · ⌈M/R⌉ · ⌈N/C⌉
 *     weight stationary   (2R + M + C − 2)  · ⌈K/R⌉ · ⌈N/C⌉
 *     input stationary    (2R + N + C − 2)  · ⌈K/R⌉ · ⌈M/C⌉
 *
 * with M pixels, N filters, K window. Source: Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN
 * Accelerators using SCALE-Sim", ISPASS 2020, eqs. 1–4; SCALE-Sim reports one cycle less, the index of the last one (its issue #125).
 */
export function mapProduct({ pixels, filters, window }: Products, machine: SystolicConfiguration): Mapping {
  const { rows, columns, dataflow } = machine;
  const [onRows, onColumns, steps] = {
    os: [pixels, filters, window],
    ws: [window, filters, pixels],
    is: [window, pixels, filters],
  }[dataflow];
  const overhead = dataflow === "os" ? rows + columns - 2 : 2 * rows + columns - 2;
  const [rowFolds, columnFolds] = [Math.ceil(onRows / rows), Math.ceil(onColumns / columns)];
  return { onRows, onColumns, steps, rowFolds, columnFolds, overhead };
}

/** Cycles, traffic and use of one layer on a systolic array; groups run one after the other. */
export function runSystolic(layer: Layer, machine: SystolicConfiguration): LayerRun {
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
      bandwidth: stallCycles(words, unstalled, layer, machine),
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

/** Each operand has a port of its own; the slowest one decides. Transfers overlap with computing. */
function stallCycles(
  words: { readonly inputs: number; readonly weights: number; readonly outputs: number },
  unstalled: number,
  layer: Layer,
  machine: SystolicConfiguration,
): number {
  if (machine.dramBitsPerCycle === undefined) return 0;
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
