import type { GridConfiguration } from "../config/config.js";
import type { CyclesBy, LayerRun } from "../layer-report.js";
import { type GridPlan, lengthOf, type Step } from "./grid-plan.js";
import { pipelineCycles, type StepCycles } from "./pipeline.js";

const SUM_BITS = 32;

/** A layer's run on the grid, from what each of its steps takes. */
export function gridRun(
  plan: GridPlan,
  machine: GridConfiguration,
  stepCycles: readonly StepCycles[],
  executedMacs: number,
): LayerRun {
  const { products, steps } = plan;
  const peakMacsPerCycle = machine.gridRows * machine.gridColumns * machine.lanes;
  const pipeline = pipelineCycles(steps, (index) => stepCycles[index].busy, machine);
  return {
    macs: products.macs,
    executedMacs,
    cyclesBy: splitCycles(pipeline, stepCycles),
    peakMacsPerCycle,
    mappingUtilisation: products.macs / (peakMacsPerCycle * denseCycles(plan, machine)),
    sram: sramTraffic(plan, machine),
    dram: {
      inputBits: sum(steps, ({ loads }) => loads.inputBits),
      weightBits: sum(steps, ({ loads }) => loads.weightBits),
      outputBits: sum(steps, ({ writes }) => writes.outputBits),
    },
  };
}

export const sum = <Item>(items: readonly Item[], pick: (item: Item) => number): number =>
  items.reduce((total, item) => total + pick(item), 0);

/** Whole numbers that sum exactly to the total, from parts that may be real. */
function splitCycles(
  { fill, drain, busy, bandwidth }: ReturnType<typeof pipelineCycles>,
  stepCycles: readonly StepCycles[],
): CyclesBy {
  const whole = Math.round(busy);
  const compute = Math.min(whole, Math.floor(sum(stepCycles, ({ work }) => work)));
  const unsynchronised = Math.min(whole, Math.round(sum(stepCycles, (step) => step.unsynchronised)));
  const imbalance = Math.max(0, unsynchronised - compute);
  const synchronisation = whole - compute - imbalance;
  return { compute, fill, drain, imbalance, bandwidth: Math.round(bandwidth), synchronisation };
}

/** How often each element starts an output in a step. */
export function passesOf({ pixels, filters }: Step, { gridRows, gridColumns }: GridConfiguration): number {
  return Math.ceil(lengthOf(pixels) / gridRows) * Math.ceil(lengthOf(filters) / gridColumns);
}

/** Cycles of the grid if no value were zero. */
function denseCycles({ steps, taps }: GridPlan, machine: GridConfiguration): number {
  return sum(steps, (step) => passesOf(step, machine) * Math.ceil((lengthOf(step.channels) * taps) / machine.lanes));
}

/**
 * Between buffers and elements: a filter is read once for each turn of pixels and goes to all rows, a window once for each turn of
 * filters and goes to all columns; a sum is read and written once in each step.
 */
function sramTraffic(
  { steps, taps, wBits, aBits, aWork }: GridPlan,
  { gridRows, gridColumns, skip }: GridConfiguration,
): LayerRun["sram"] {
  const isBitmapped = skip === "activations" || skip === "both";
  const activation = isBitmapped ? 1 + aBits * aWork : aBits;
  const window = ({ channels }: Step): number => lengthOf(channels) * taps;
  return {
    weightBits: sum(
      steps,
      (step) => lengthOf(step.filters) * window(step) * Math.ceil(lengthOf(step.pixels) / gridRows) * wBits,
    ),
    inputBits: Math.ceil(
      sum(
        steps,
        (step) => lengthOf(step.pixels) * window(step) * Math.ceil(lengthOf(step.filters) / gridColumns) * activation,
      ),
    ),
    outputBits: sum(steps, ({ pixels, filters }) => 2 * SUM_BITS * lengthOf(pixels) * lengthOf(filters)),
  };
}
