import type { GridConfiguration } from "../config/config.js";
import type { LayerRun } from "../layer-report.js";
import { SimulatorError } from "../simulator-error.js";
import { elementsOf, type Layer, outputSizeOf } from "../workload/layer.js";
import { type GridPlan, lengthOf, planGrid, type Range, type Step } from "./grid-plan.js";
import { gridRun, passesOf, sum } from "./grid-run.js";
import { type MaskLayout, maskLayout, packMask, popcount, positionsOfLane, scanCycles, wordsOf } from "./lane-masks.js";
import { drawPadding, drawValues, type LayerValues } from "./layer-values.js";
import type { StepCycles } from "./pipeline.js";

export interface EventOptions {
  /** The layer's own values; drawn from its densities and the machine's seed where absent. */
  readonly values?: LayerValues;
  /** Whether the outputs are wanted, that the lanes' work sums up to. */
  readonly withOutputs?: boolean;
}

export interface EventRun extends LayerRun {
  /** [batch, M, height, width], or [M · batch, N] of a product; only with `withOutputs`. */
  readonly outputs?: Float64Array;
}

/**
 * Runs a layer on the grid, lane by lane: which positions each one does, when it is done, whom it waits for.
 *
 * In each pass an element takes one output: row r of the grid the pixel, column c the filter. Its lanes share the window, position k
 * going to lane k mod lanes, and an adder tree sums up what they do; filters stay while pixels pass. A lane does one multiply-accumulate
 * a cycle and skips positions without work as far as look-ahead allows. It starts an output once every lane of its synchronisation
 * group has done the one `queueDepth` before. The zero bitmap covers the padding as well: of given values it is zeros, and where values
 * are drawn from a density it is drawn like the rest of the map, so that executed = dense · densities, as the literature counts.
 *
 * @throws {SimulatorError} for values whose number does not fit the layer, or a tile that does not fit the buffers
 */
export function runEvent(layer: Layer, machine: GridConfiguration, options: EventOptions = {}): EventRun {
  const planned = planGrid(layer, machine);
  const values = options.values ?? drawValues(layer, planned, machine.seed);
  checkValues(layer, values);
  const plan = options.values === undefined ? planned : planGrid(withDensities(layer, values), machine);
  const { steps, products } = plan;
  const outputs = options.withOutputs
    ? new Float64Array(products.groups * products.pixels * products.filters)
    : undefined;
  const padding = options.values === undefined ? drawPadding(layer, machine.seed) : () => 0;
  const simulate = stepSimulator(layer, plan, machine, { values, padding }, outputs);
  const sampled = options.withOutputs ? steps.length : Math.min(machine.sampledTiles ?? steps.length, steps.length);
  if (sampled === steps.length) {
    const runs = steps.map(simulate);
    return {
      ...gridRun(
        plan,
        machine,
        runs,
        sum(runs, ({ executed }) => executed),
      ),
      ...(outputs && { outputs }),
    };
  }
  return sampleRun(plan, machine, sampled, simulate);
}

/** Of its real values, so that traffic counts them. */
function withDensities(layer: Layer, { inputs, weights }: LayerValues): Layer {
  const density = (values: ArrayLike<number>): number => {
    let count = 0;
    for (let index = 0; index < values.length; index++) if (values[index] !== 0) count++;
    return count / values.length;
  };
  return { ...layer, aDensity: density(inputs), wDensity: density(weights) };
}

function checkValues(layer: Layer, values: LayerValues): void {
  const want = elementsOf(layer);
  for (const operand of ["inputs", "weights"] as const) {
    const { length } = values[operand];
    if (length === want[operand]) continue;
    throw new SimulatorError("LOWBIT_CONFIGURATION", `${operand} can't be ${length} values`, {
      where: `layer "${layer.name}", ${operand}`,
      want: `${want[operand]} values`,
      got: length,
    });
  }
}

interface StepRun extends StepCycles {
  readonly executed: number;
}

/** Steps spread evenly over the layer; the others take as many cycles as these for their dense work. */
function sampleRun(
  plan: GridPlan,
  machine: GridConfiguration,
  sampled: number,
  simulate: (step: Step) => StepRun,
): LayerRun {
  const { steps, taps } = plan;
  const dense = (step: Step): number =>
    passesOf(step, machine) * Math.ceil((lengthOf(step.channels) * taps) / machine.lanes);
  const macsOf = (step: Step): number =>
    lengthOf(step.pixels) * lengthOf(step.filters) * lengthOf(step.channels) * taps;
  const chosen = Array.from({ length: sampled }, (_, index) => Math.floor(((index + 0.5) * steps.length) / sampled));
  const runs = chosen.map((index) => simulate(steps[index]));
  const total = sum(chosen, (index) => dense(steps[index]));
  const ratio = (pick: (run: StepRun) => number): number => sum(runs, pick) / total;
  const [busy, unsynchronised, work] = [
    ratio((run) => run.busy),
    ratio((run) => run.unsynchronised),
    ratio((run) => run.work),
  ];
  const executed = sum(runs, (run) => run.executed) / sum(chosen, (index) => macsOf(steps[index]));
  const known = new Map(chosen.map((index, place) => [index, runs[place]]));
  const stepCycles = steps.map(
    (step, index): StepCycles =>
      known.get(index) ?? {
        busy: busy * dense(step),
        unsynchronised: unsynchronised * dense(step),
        work: work * dense(step),
      },
  );
  const run = gridRun(plan, machine, stepCycles, Math.round(executed * plan.products.macs));
  return {
    ...run,
    samplingError: standardError(
      runs.map(({ busy: own }, i) => own / dense(steps[chosen[i]])),
      steps.length,
    ),
  };
}

/** Of a mean of some out of `population` values, as a share of it; 1 where one value tells nothing about the spread. */
function standardError(values: readonly number[], population: number): number {
  const count = values.length;
  const mean = sum(values, (value) => value) / count;
  if (count < 2 || mean === 0) return 1;
  const variance = sum(values, (value) => (value - mean) ** 2) / (count - 1);
  return Math.sqrt((variance / count) * (1 - count / population)) / mean;
}

function stepSimulator(
  layer: Layer,
  plan: GridPlan,
  machine: GridConfiguration,
  { values, padding }: { readonly values: LayerValues; readonly padding: (place: number) => number },
  outputs: Float64Array | undefined,
): (step: Step) => StepRun {
  const { gridRows, gridColumns, lanes, skip, lookAhead } = machine;
  const { products, taps } = plan;
  const activationAt = activationReader(layer, values, () => 0);
  const workAt = activationReader(layer, values, padding);
  const weightAt = (group: number, filter: number, k: number): number =>
    values.weights[(group * products.filters + filter) * products.window + k];
  const skipsWeights = skip === "weights" || skip === "both";
  const skipsActivations = skip === "activations" || skip === "both";
  const placeOf = outputPlaces(layer, plan);

  return (step) => {
    const { group, pixels, filters, channels } = step;
    const layout = maskLayout(lengthOf(channels) * taps, lanes);
    const first = channels.from * taps;
    const masks: StepMasks = {
      layout,
      pixels: packAll(pixels, layout, (pixel, k) => !skipsActivations || workAt(group, pixel, first + k) !== 0),
      filters: packAll(filters, layout, (filter, k) => !skipsWeights || weightAt(group, filter, first + k) !== 0),
    };
    const clock = laneClock(machine);
    const laneCycles = new Float64Array(gridRows * gridColumns * lanes);
    let executed = 0;
    for (let f = 0; f < lengthOf(filters); f += gridColumns) {
      for (let p = 0; p < lengthOf(pixels); p += gridRows) {
        laneCycles.fill(0);
        for (let r = 0; r < Math.min(gridRows, lengthOf(pixels) - p); r++) {
          for (let c = 0; c < Math.min(gridColumns, lengthOf(filters) - f); c++) {
            const element = (r * gridColumns + c) * lanes;
            executed += runLanes(masks, p + r, f + c, lookAhead, laneCycles, element);
            if (outputs === undefined) continue;
            const [pixel, filter] = [pixels.from + p + r, filters.from + f + c];
            outputs[placeOf(group, pixel, filter)] += sumOfWork(
              masks,
              p + r,
              f + c,
              (k) => activationAt(group, pixel, first + k) * weightAt(group, filter, first + k),
            );
          }
        }
        clock.pass(laneCycles);
      }
    }
    return { ...clock.read(), executed };
  };
}

/** Where there is work: a mask for each pixel and each filter of a step, one after the other. */
interface StepMasks {
  readonly layout: MaskLayout;
  readonly pixels: Uint32Array;
  readonly filters: Uint32Array;
}

function packAll(range: Range, layout: MaskLayout, hasWork: (item: number, position: number) => boolean): Uint32Array {
  const words = wordsOf(layout);
  const masks = new Uint32Array(lengthOf(range) * words);
  for (let item = range.from; item < range.to; item++) {
    packMask(masks, (item - range.from) * words, layout, (position) => hasWork(item, position));
  }
  return masks;
}

/** Writes the cycles of an element's lanes for one output, and returns its multiply-accumulates. */
function runLanes(
  { layout, pixels, filters }: StepMasks,
  pixel: number,
  filter: number,
  lookAhead: number,
  cycles: Float64Array,
  element: number,
): number {
  const { lanes, wordsPerLane } = layout;
  const words = wordsOf(layout);
  let [a, w, executed] = [pixel * words, filter * words, 0];
  for (let lane = 0; lane < lanes; lane++, a += wordsPerLane, w += wordsPerLane) {
    let count = 0;
    for (let word = 0; word < wordsPerLane; word++) count += popcount(pixels[a + word] & filters[w + word]);
    executed += count;
    cycles[element + lane] =
      lookAhead === 0
        ? count
        : scanCycles(positionsOfLane(layout, lane), lookAhead, (from) => {
            for (let word = from >>> 5; word < wordsPerLane; word++) {
              const after = word === from >>> 5 ? -1 << (from & 31) : -1;
              const bits = pixels[a + word] & filters[w + word] & after;
              if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
            }
            return Number.POSITIVE_INFINITY;
          });
  }
  return executed;
}

/** What an element's lanes add up for one output: the products of the positions that they do, and of no others. */
function sumOfWork(
  { layout, pixels, filters }: StepMasks,
  pixel: number,
  filter: number,
  productAt: (k: number) => number,
): number {
  const { lanes, wordsPerLane } = layout;
  const words = wordsOf(layout);
  let total = 0;
  for (let word = 0; word < words; word++) {
    const [lane, place] = [Math.floor(word / wordsPerLane), (word % wordsPerLane) * 32];
    for (let bits = pixels[pixel * words + word] & filters[filter * words + word]; bits !== 0; bits &= bits - 1) {
      total += productAt((place + 31 - Math.clz32(bits & -bits)) * lanes + lane);
    }
  }
  return total;
}

/** Where an output lies in [batch, M, height, width], or in [M · batch, N] of a product. */
function outputPlaces(layer: Layer, { products }: GridPlan): (group: number, pixel: number, filter: number) => number {
  const all = products.groups * products.filters;
  if (layer.type === "gemm") return (group, pixel, filter) => pixel * all + group * products.filters + filter;
  const [height, width] = outputSizeOf(layer);
  const image = height * width;
  return (group, pixel, filter) =>
    (Math.floor(pixel / image) * all + group * products.filters + filter) * image + (pixel % image);
}

/** When each lane of the grid is done, pass after pass. */
function laneClock({ gridRows, gridColumns, lanes, synchronisation, queueDepth }: GridConfiguration) {
  const count = gridRows * gridColumns * lanes;
  const groupSize = { lane: 1, pe: lanes, row: gridColumns * lanes, array: count }[synchronisation];
  const doneAt = new Float64Array(count);
  const workOf = new Float64Array(count);
  const groupDone = new Float64Array((count / groupSize) * queueDepth); // of the last passes, in a ring
  let passes = 0;
  return {
    pass(cycles: Float64Array): void {
      const slot = passes++ % queueDepth;
      for (let group = 0; group < count / groupSize; group++) {
        const mayStart = groupDone[group * queueDepth + slot];
        let slowest = mayStart;
        for (let lane = group * groupSize; lane < (group + 1) * groupSize; lane++) {
          workOf[lane] += cycles[lane];
          doneAt[lane] = Math.max(doneAt[lane], mayStart) + cycles[lane];
          slowest = Math.max(slowest, doneAt[lane]);
        }
        groupDone[group * queueDepth + slot] = synchronisation === "lane" ? 0 : slowest;
      }
    },
    read(): StepCycles {
      return {
        busy: doneAt.reduce((most, time) => Math.max(most, time), 0),
        unsynchronised: workOf.reduce((most, time) => Math.max(most, time), 0),
        work: workOf.reduce((total, time) => total + time, 0) / count,
      };
    },
  };
}

type ActivationReader = (group: number, pixel: number, k: number) => number;

/**
 * The activation that an output pixel reads at position k of its window, [channel, row, column].
 *
 * @param padding  by the place in a padded map [batch, C, H + 2 · padH, W + 2 · padW]
 */
function activationReader(layer: Layer, { inputs }: LayerValues, padding: (place: number) => number): ActivationReader {
  if (layer.type === "gemm") {
    const window = layer.K / layer.groups;
    return (group, pixel, k) => inputs[pixel * layer.K + group * window + k];
  }
  const { C, H, W, R, S, groups, strideH, strideW, padH, padW } = layer;
  const [height, width] = outputSizeOf(layer);
  const [taps, image, channels] = [R * S, height * width, C / groups];
  return (group, pixel, k) => {
    const [item, place] = [Math.floor(pixel / image), pixel % image];
    const [channel, tap] = [Math.floor(k / taps), k % taps];
    const y = Math.floor(place / width) * strideH - padH + Math.floor(tap / S);
    const x = (place % width) * strideW - padW + (tap % S);
    const map = item * C + group * channels + channel;
    if (y >= 0 && y < H && x >= 0 && x < W) return inputs[(map * H + y) * W + x];
    return padding((map * (H + 2 * padH) + y + padH) * (W + 2 * padW) + x + padW);
  };
}
