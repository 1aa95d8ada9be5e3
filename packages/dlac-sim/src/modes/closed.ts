import type { GridConfiguration } from "../config/config.js";
import type { LayerRun } from "../layer-report.js";
import type { Layer } from "../workload/layer.js";
import { type GridPlan, lengthOf, planGrid, type Step } from "./grid-plan.js";
import { gridRun, passesOf, sum } from "./grid-run.js";
import { laneTime } from "./lane-time.js";
import { greatestNormal, type Moments, type Slice, slowestLane } from "./order-statistics.js";
import type { StepCycles } from "./pipeline.js";

/**
 * How far the closed form may be from the event model, as a share of its cycles, where zeros fall independently. Checked over random
 * machines and layers by test/closed-against-event.test.ts; at density 1 they are equal.
 */
export const CLOSED_FORM_BOUND = 0.25;

/**
 * What the grid takes for a layer on average over where its zeros fall, given their densities and that they fall independently:
 * expected greatest counts instead of simulated ones, in the same tiles and the same pipeline as the event model.
 */
export function runClosed(layer: Layer, machine: GridConfiguration): LayerRun {
  const plan = planGrid(layer, machine);
  const padded = { ...plan, aWork: workOf(layer, plan) };
  const known = new Map<string, StepCycles>();
  const stepCycles = plan.steps.map((step) => {
    const key = [step.pixels, step.filters, step.channels].map(lengthOf).join(" ");
    const cycles = known.get(key) ?? expectStep(step, padded, machine);
    known.set(key, cycles);
    return cycles;
  });
  const executed = Math.round(plan.products.macs * padded.aWork * plan.wWork);
  return gridRun(plan, machine, stepCycles, executed);
}

/** Share of activations with work: padding counts as work, since the bitmap covers the map and not its border. */
function workOf(layer: Layer, { aWork, products }: GridPlan): number {
  if (aWork === 1 || layer.type === "gemm") return aWork;
  const inside =
    (insideTaps(layer.H, layer.R, layer.strideH, layer.padH) *
      insideTaps(layer.W, layer.S, layer.strideW, layer.padW)) /
    ((products.pixels / layer.batch) * layer.R * layer.S);
  return 1 - (1 - aWork) * inside;
}

/** Pairs of an output and a tap, along one axis, that lie inside the input. */
function insideTaps(length: number, filter: number, stride: number, pad: number): number {
  let count = 0;
  for (let start = -pad; start + filter <= length + pad; start += stride) {
    count += Math.max(0, Math.min(length, start + filter) - Math.max(0, start));
  }
  return count;
}

/** A part of a step's passes in which so many rows and columns of the grid have work. */
interface PassClass {
  readonly rows: number;
  readonly columns: number;
  /** Passes: for each turn of filters all turns of pixels. */
  readonly pixelTurns: number;
  readonly filterTurns: number;
}

function expectStep(step: Step, plan: GridPlan, machine: GridConfiguration): StepCycles {
  const { lanes, gridRows, gridColumns, lookAhead } = machine;
  const window = lengthOf(step.channels) * plan.taps;
  const density = plan.aWork * plan.wWork;
  const [long, longLanes] = [Math.ceil(window / lanes), window % lanes || lanes];
  const slices = [
    { positions: long, lanes: longLanes },
    { positions: Math.floor(window / lanes), lanes: lanes - longLanes },
  ];
  const outputs = lengthOf(step.pixels) * lengthOf(step.filters);
  const perOutput = sum(slices, ({ positions, lanes: count }) => count * laneTime(positions, density, lookAhead).mean);
  const work = (outputs * perOutput) / (gridRows * gridColumns * lanes);
  const dense = passesOf(step, machine) * long;
  if (density === 1 || lookAhead === 1) return { busy: dense, unsynchronised: dense, work };
  const unsynchronised = clamp(slowestTotal(step, slices, plan, machine), work, dense);
  if (machine.synchronisation === "lane") return { busy: unsynchronised, unsynchronised, work };
  return { busy: clamp(withBarriers(step, slices, plan, machine), unsynchronised, dense), unsynchronised, work };
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** Each lane by itself to the end of the step, then the slowest one: a sum of many counts, so nearly normal. */
function slowestTotal(step: Step, slices: readonly Slice[], plan: GridPlan, machine: GridConfiguration): number {
  const { gridRows, gridColumns } = machine;
  const perRow = Math.ceil(lengthOf(step.pixels) / gridRows);
  const perColumn = Math.ceil(lengthOf(step.filters) / gridColumns);
  const rows = lengthOf(step.pixels) % gridRows || gridRows; // those with a pixel in every pass
  const columns = lengthOf(step.filters) % gridColumns || gridColumns;
  const [{ positions, lanes }] = slices;
  return slowestSum({ positions, lanes, rows, columns, pixels: perRow, filters: perColumn }, plan, machine.lookAhead);
}

interface SummedLanes {
  readonly positions: number;
  /** Lanes of an element, and elements, that are compared. */
  readonly lanes: number;
  readonly rows: number;
  readonly columns: number;
  /** Outputs that each lane sums up: all pairs of so many pixels and filters. */
  readonly pixels: number;
  readonly filters: number;
}

/**
 * The slowest of lanes that each take several outputs. A lane's time varies with its activations (shared by all columns, used for
 * each filter), with its weights (shared by all rows, used for each pixel), and with how they meet: Var = row + column + both.
 */
function slowestSum(group: SummedLanes, { aWork, wWork }: GridPlan, lookAhead: number): number {
  const { positions, lanes, rows, columns, pixels, filters } = group;
  const [a, w] = [aWork, wWork];
  const time = laneTime(positions, a * w, lookAhead);
  const ideal = positions * a * w * (1 - a * w);
  const scale = ideal === 0 ? 0 : time.variance / ideal; // what look-ahead makes of the spread
  const spread = [
    { variance: positions * a * (1 - a) * w * w * pixels * filters ** 2, count: lanes * rows },
    { variance: positions * w * (1 - w) * a * a * filters * pixels ** 2, count: lanes * columns },
    { variance: positions * a * (1 - a) * w * (1 - w) * pixels * filters, count: lanes * rows * columns },
  ];
  const excess = sum(spread, ({ variance, count }) => variance * scale * greatestNormal(count) ** 2);
  return pixels * filters * time.mean + Math.sqrt(excess);
}

/**
 * Lanes that wait for each other after every output, or may be `queueDepth` outputs apart: that is nearly as if they met after
 * every 2 · queueDepth − 1 of them, which is exact for 1.
 */
function withBarriers(step: Step, slices: readonly Slice[], plan: GridPlan, machine: GridConfiguration): number {
  const { queueDepth, lookAhead } = machine;
  const { aWork, wWork } = plan;
  let [mean, variance, groups] = [0, 0, 1];
  for (const part of passClasses(step, machine)) {
    const { pixelTurns, filterTurns } = part;
    const [rows, columns] = groupSize(part, machine);
    const passes = pixelTurns * filterTurns;
    const depth = Math.min(2 * queueDepth - 1, passes);
    const pixels = Math.min(depth, pixelTurns);
    const block: Moments =
      depth === 1 && lookAhead === 0
        ? slowestLane({ slices, rows, columns, aDensity: aWork, wDensity: wWork })
        : {
            mean: slowestSum({ ...slices[0], rows, columns, pixels, filters: depth / pixels }, plan, lookAhead),
            variance: 0,
          };
    mean += (passes / depth) * block.mean;
    // Passes that differ in what makes no difference take equally long.
    const alike = aWork === 1 ? pixelTurns : wWork === 1 ? filterTurns : 1;
    variance += (passes / depth) * alike * block.variance;
    const independent =
      aWork === 1
        ? part.columns / columns
        : wWork === 1
          ? part.rows / rows
          : (part.rows / rows) * (part.columns / columns);
    groups = Math.max(groups, independent);
  }
  return mean + Math.sqrt(variance) * greatestNormal(groups);
}

/** Rows and columns of the grid whose lanes wait for each other. */
function groupSize({ rows, columns }: PassClass, { synchronisation }: GridConfiguration): readonly [number, number] {
  if (synchronisation === "array") return [rows, columns];
  return synchronisation === "row" ? [1, columns] : [1, 1];
}

/** Passes with all of the grid, and those at the edges of a step. */
function passClasses(step: Step, { gridRows, gridColumns }: GridConfiguration): PassClass[] {
  const split = (length: number, size: number): { used: number; turns: number }[] =>
    [
      { used: size, turns: Math.floor(length / size) },
      { used: length % size, turns: length % size === 0 ? 0 : 1 },
    ].filter(({ turns }) => turns > 0);
  return split(lengthOf(step.pixels), gridRows).flatMap((row) =>
    split(lengthOf(step.filters), gridColumns).map((column) => ({
      rows: row.used,
      columns: column.used,
      pixelTurns: row.turns,
      filterTurns: column.turns,
    })),
  );
}
