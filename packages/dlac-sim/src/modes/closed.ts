import type { GridConfiguration } from "../config/config.js";
import type { LayerRun } from "../layer-report.js";
import type { Layer } from "../workload/layer.js";
import { type GridPlan, lengthOf, planGrid, type Step } from "./grid-plan.js";
import { gridRun, passesOf, sum } from "./grid-run.js";
import { laneTime, laneTimeCdf } from "./lane-time.js";
import {
  greatestNormal,
  type LaneGroup,
  type Moments,
  type Slice,
  shareOfSpread,
  slowestLane,
} from "./order-statistics.js";
import type { StepCycles } from "./pipeline.js";

/**
 * How far the closed form may be from the event model, as a share of its cycles, where zeros fall independently. Checked over random
 * machines and layers by test/closed-against-event.test.ts; at density 1 they are equal.
 */
export const CLOSED_FORM_BOUND = 0.15;

/**
 * What the grid takes for a layer on average over where its zeros fall, given their densities and that they fall independently:
 * expected greatest counts instead of simulated ones, in the same tiles and the same pipeline as the event model.
 */
export function runClosed(layer: Layer, machine: GridConfiguration): LayerRun {
  const plan = planGrid(layer, machine);
  const known = new Map<string, StepCycles>(); // steps of one size take equally long
  const stepCycles = plan.steps.map((step) => {
    const key = [step.pixels, step.filters, step.channels].map(lengthOf).join(" ");
    const cycles = known.get(key) ?? expectStep(step, plan, machine);
    known.set(key, cycles);
    return cycles;
  });
  return gridRun(plan, machine, stepCycles, Math.round(plan.products.macs * plan.aWork * plan.wWork));
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
  const ownWork = (outputs * perOutput) / (gridRows * gridColumns * lanes);
  const dense = passesOf(step, machine) * long;
  if (density === 1 || lookAhead === 1) return { busy: dense, unsynchronised: dense, work: ownWork };
  const unsynchronised = clamp(slowestTotal(step, slices, plan, machine), ownWork, dense);
  if (machine.synchronisation === "lane") return { busy: unsynchronised, unsynchronised, work: ownWork };
  const met = clamp(withBarriers(step, slices, plan, machine), unsynchronised, dense);
  const mean = laneTime(long, density, lookAhead).mean;
  return { busy: met - queueRelief(met - unsynchronised, mean, step, plan, machine), unsynchronised, work: ownWork };
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
  const group = { positions, lanes, rows, columns, pixels: perRow, filters: perColumn };
  return slowestSum(group, plan, machine.lookAhead);
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
 * Of the cycles that lanes wait for each other if they meet after every output, those that a queue spares them. Each time that another
 * lane becomes the slowest, it starts from up to `queueDepth` − 1 outputs ahead; no more is spared than there is, and tanh passes from
 * the one to the other. Without a queue it is 0, with an endless one all.
 */
function queueRelief(waits: number, perOutput: number, step: Step, plan: GridPlan, machine: GridConfiguration): number {
  if (waits <= 0) return 0;
  const filterTurns = Math.ceil(lengthOf(step.filters) / machine.gridColumns);
  const passes = passesOf(step, machine);
  const turns = passes - shareOfSpread(plan.aWork, plan.wWork).weights * (passes - filterTurns); // filters stay while pixels pass
  return waits * Math.tanh(((machine.queueDepth - 1) * perOutput * (turns - 1)) / waits);
}

/** Lanes that wait for each other after every output. */
function withBarriers(step: Step, slices: readonly Slice[], plan: GridPlan, machine: GridConfiguration): number {
  const { lookAhead } = machine;
  const { aWork, wWork } = plan;
  const shared = shareOfSpread(plan.aWork, plan.wWork);
  let [mean, variance, groups] = [0, 0, 1];
  for (const part of passClasses(step, machine)) {
    const { pixelTurns, filterTurns } = part;
    const [rows, columns] = groupSize(part, machine);
    const passes = pixelTurns * filterTurns;
    const group = { slices, rows, columns, aDensity: aWork, wDensity: wWork };
    const pass = lookAhead === 0 ? slowestLane(group) : slowestScan(group, plan, lookAhead);
    mean += passes * pass.mean;
    // Passes that differ in what makes no difference take equally long, and so do groups.
    const alike = 1 + (pixelTurns - 1) * shared.weights + (filterTurns - 1) * shared.activations;
    variance += passes * alike * pass.variance;
    const independent =
      (part.rows / rows) ** (1 - shared.weights) * (part.columns / columns) ** (1 - shared.activations);
    groups = Math.max(groups, independent);
  }
  return mean + Math.sqrt(variance) * greatestNormal(groups);
}

/**
 * The slowest of lanes with look-ahead for one output each. Their times have a long tail, so the greatest is that of the exact
 * distribution for independent lanes; what they share brings it nearer to the mean, in the proportion that it does for normal ones.
 */
function slowestScan({ slices, rows, columns }: LaneGroup, plan: GridPlan, lookAhead: number): Moments {
  const { aWork, wWork } = plan;
  const density = aWork * wWork;
  const [{ positions, lanes }] = slices;
  const one = { positions, lanes, rows, columns, pixels: 1, filters: 1 };
  const normal = { mean: slowestSum(one, plan, lookAhead), variance: 0 };
  const tables = slices.map((slice) => laneTimeCdf(slice.positions, density, lookAhead));
  if (tables.includes(undefined)) return normal;
  const elements = (aWork === 1 ? 1 : rows) * (wWork === 1 ? 1 : columns); // those that do not do the same work
  let mean = 0;
  for (let t = 0; t < positions; t++) {
    const below = slices.map((slice, i) => ((tables[i] as Float64Array)[t] ?? 1) ** (slice.lanes * elements));
    mean += 1 - below.reduce((product, each) => product * each, 1);
  }
  const time = laneTime(positions, density, lookAhead);
  const independent = Math.sqrt(time.variance) * greatestNormal(lanes * elements);
  const shared = independent === 0 ? 1 : Math.min(1, (normal.mean - time.mean) / independent);
  return { mean: time.mean + shared * (mean - time.mean), variance: 0 };
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
