import type { GridConfiguration } from "../config/config.js";
import { peKinds } from "../config/pe-kind.js";
import { SimulatorError } from "../simulator-error.js";
import { type Layer, outputSizeOf, type Products, productsOf } from "../workload/layer.js";

const SUM_BITS = 32;

/** A range of whole numbers, `to` not in it. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export const lengthOf = ({ from, to }: Range): number => to - from;

/** What the grid works on at a time: outputs of some pixels and filters, over some channels of their windows. */
export interface Step {
  readonly group: number;
  readonly pixels: Range;
  readonly filters: Range;
  readonly channels: Range;
  /** Bits that have to be in the buffers before it starts and are not there yet. */
  readonly loads: { readonly inputBits: number; readonly weightBits: number };
  /** Bits of outputs that are complete after it, and outputs of one element. */
  readonly writes: { readonly outputBits: number; readonly outputsPerElement: number };
}

/** A layer on the grid, cut into tiles. */
export interface GridPlan {
  readonly products: Products;
  readonly wBits: number;
  readonly aBits: number;
  /** Of what the machine can skip: 1 where it skips nothing. */
  readonly aWork: number;
  readonly wWork: number;
  /** Positions of a filter for each channel. */
  readonly taps: number;
  readonly steps: readonly Step[];
}

/** Bits of an activation in memory: a bit of the zero bitmap, and the value where it is not zero. */
const activationBits = (aBits: number, aWork: number, isBitmapped: boolean): number =>
  isBitmapped ? 1 + aBits * aWork : aBits;

const skipsActivations = ({ skip }: GridConfiguration): boolean => skip === "activations" || skip === "both";
const skipsWeights = ({ skip }: GridConfiguration): boolean => skip === "weights" || skip === "both";

/**
 * Cuts a layer into tiles that fit half of each buffer, with the least traffic: rows of the grid take pixels, columns take filters,
 * and a window is cut by channels only where it has to be. Tiles are planned for values without zeros, so that they depend neither on
 * density nor on bandwidth.
 *
 * @throws {SimulatorError} names the buffer that is too small for a tile of one channel
 */
export function planGrid(layer: Layer, machine: GridConfiguration): GridPlan {
  const products = productsOf(layer);
  const { wBits = peKinds[machine.pe].wBits, aBits = peKinds[machine.pe].aBits } = layer;
  const geometry = geometryOf(layer, products);
  const isBitmapped = skipsActivations(machine);
  const aWork = isBitmapped ? layer.aDensity : 1;
  const bits = {
    weight: wBits,
    stored: activationBits(aBits, 1, isBitmapped),
    moved: activationBits(aBits, aWork, isBitmapped),
    output: aBits,
  };
  const tile = chooseTile(geometry, machine, bits, layer.name);
  return {
    ...{ products, wBits, aBits, aWork },
    wWork: skipsWeights(machine) ? layer.wDensity : 1,
    taps: geometry.taps,
    steps: listSteps(geometry, machine, bits, tile),
  };
}

interface Bits {
  readonly weight: number;
  /** Of an activation, at most and on average. */
  readonly stored: number;
  readonly moved: number;
  readonly output: number;
}

/** What tiles are cut from: one group's pixels, filters and channels. */
export interface Geometry {
  readonly groups: number;
  readonly pixels: number;
  readonly filters: number;
  readonly channels: number;
  readonly taps: number;
  /** Input positions (of one channel) that a run of pixels reads. */
  readonly positionsOf: (pixels: Range) => number;
}

export function geometryOf(layer: Layer, { groups, pixels, filters, window }: Products): Geometry {
  if (layer.type === "gemm") {
    return { groups, pixels, filters, channels: window, taps: 1, positionsOf: lengthOf };
  }
  const taps = layer.R * layer.S;
  const size = outputSizeOf(layer);
  return {
    groups,
    pixels,
    filters,
    channels: window / taps,
    taps,
    positionsOf: (run) => positionsOf(run, layer, size),
  };
}

type Conv = Extract<Layer, { type: "conv" }>;

/** Input rows and columns that pixels [from, to) touch, image by image: whole rows where they span more than one of the output. */
function positionsOf({ from, to }: Range, layer: Conv, [height, width]: readonly [number, number]): number {
  const image = height * width;
  const full = Math.floor(to / image) - Math.ceil(from / image);
  if (full > 0) {
    const whole = full * inputPositions(0, image, layer, width);
    const [head, tail] = [Math.ceil(from / image) * image, Math.floor(to / image) * image];
    return (
      whole +
      (head > from ? inputPositions(from % image, image, layer, width) : 0) +
      (to > tail ? inputPositions(0, to - tail, layer, width) : 0)
    );
  }
  const start = Math.floor(from / image) * image;
  if (to <= start + image) return inputPositions(from - start, to - start, layer, width);
  return inputPositions(from - start, image, layer, width) + inputPositions(0, to - start - image, layer, width);
}

function inputPositions(from: number, to: number, layer: Conv, width: number): number {
  const [firstRow, lastRow] = [Math.floor(from / width), Math.floor((to - 1) / width)];
  const [firstColumn, lastColumn] = firstRow === lastRow ? [from % width, (to - 1) % width] : [0, width - 1];
  const rows = touched(firstRow, lastRow, layer.R, layer.strideH, layer.padH, layer.H);
  return rows * touched(firstColumn, lastColumn, layer.S, layer.strideW, layer.padW, layer.W);
}

/** Positions of an axis that the outputs first … last read, without padding and without gaps that a stride leaves. */
function touched(first: number, last: number, filter: number, stride: number, pad: number, length: number): number {
  if (stride <= filter) {
    const from = Math.max(0, first * stride - pad);
    return Math.max(0, Math.min(length, last * stride - pad + filter) - from);
  }
  let count = 0;
  for (let output = first; output <= last; output++) {
    const from = Math.max(0, output * stride - pad);
    count += Math.max(0, Math.min(length, output * stride - pad + filter) - from);
  }
  return count;
}

interface Tile {
  readonly pixels: number;
  readonly filters: number;
  readonly channels: number;
  /** Which tiles change last: those of filters (weights are loaded once) or of pixels. */
  readonly outer: "filters" | "pixels";
}

/** 1, 2, 4 … times `unit`, and `most` itself. */
function sizes(most: number, unit: number): number[] {
  const found: number[] = [];
  for (let size = unit; size < most; size *= 2) found.push(size);
  return [...found, most];
}

function chooseTile(geometry: Geometry, machine: GridConfiguration, bits: Bits, name: string): Tile {
  const { gridRows, gridColumns, outputBufferBytes, weightBufferBytes, inputBufferBytes } = machine;
  const outputsPerElement = Math.floor((outputBufferBytes * 8) / SUM_BITS / 2);
  const [halfWeights, halfInputs] = [4 * weightBufferBytes, 4 * inputBufferBytes];
  let best: { tile: Tile; traffic: number } | undefined;
  for (const pixels of sizes(geometry.pixels, gridRows)) {
    const positions = geometry.positionsOf({ from: 0, to: pixels });
    for (const filters of sizes(geometry.filters, gridColumns)) {
      const perElement = Math.ceil(pixels / gridRows) * Math.ceil(filters / gridColumns);
      if (perElement > outputsPerElement) continue;
      const channels = Math.min(
        geometry.channels,
        Math.floor(halfWeights / (filters * geometry.taps * bits.weight)),
        Math.floor(halfInputs / (Math.max(1, positions) * bits.stored)),
      );
      if (channels < 1) continue;
      for (const outer of ["filters", "pixels"] as const) {
        const tile = { pixels, filters, channels, outer };
        const traffic = estimateTraffic(geometry, tile, positions, bits);
        // of tiles with the same traffic the largest, found last: elements wait for each other at the end of each
        if (best === undefined || traffic <= best.traffic) best = { tile, traffic };
      }
    }
  }
  if (best !== undefined) return best.tile;
  const field =
    outputsPerElement < 1
      ? "outputBufferBytes"
      : halfWeights < Math.min(geometry.filters, gridColumns) * geometry.taps * bits.weight
        ? "weightBufferBytes"
        : "inputBufferBytes";
  throw new SimulatorError("LOWBIT_CONFIGURATION", `${field} can't be ${machine[field]} for layer "${name}"`, {
    where: `${field}, layer "${name}"`,
    want: "twice the bytes of a tile of one channel for the whole grid, or more",
    got: machine[field],
  });
}

/** How often the tiles of both operands come from DRAM. */
function estimateTraffic(geometry: Geometry, tile: Tile, positions: number, bits: Bits): number {
  const pixelTiles = Math.ceil(geometry.pixels / tile.pixels);
  const filterTiles = Math.ceil(geometry.filters / tile.filters);
  const isWhole = tile.channels === geometry.channels;
  const weightTurns = isWhole && (tile.outer === "filters" || filterTiles === 1) ? 1 : pixelTiles;
  const inputTurns = isWhole && (tile.outer === "pixels" || pixelTiles === 1) ? 1 : filterTiles;
  const weights = geometry.filters * geometry.channels * geometry.taps * bits.weight;
  return weights * weightTurns + pixelTiles * positions * geometry.channels * bits.stored * inputTurns;
}

function* ranges(length: number, size: number): Generator<Range> {
  for (let from = 0; from < length; from += size) yield { from, to: Math.min(from + size, length) };
}

function listSteps(geometry: Geometry, machine: GridConfiguration, bits: Bits, tile: Tile): Step[] {
  const { gridRows, gridColumns } = machine;
  const pixelTiles = [...ranges(geometry.pixels, tile.pixels)];
  const filterTiles = [...ranges(geometry.filters, tile.filters)];
  const channelTiles = [...ranges(geometry.channels, tile.channels)];
  const outputs =
    tile.outer === "filters"
      ? filterTiles.flatMap((filters) => pixelTiles.map((pixels) => ({ pixels, filters })))
      : pixelTiles.flatMap((pixels) => filterTiles.map((filters) => ({ pixels, filters })));
  const steps: Step[] = [];
  let [heldGroup, heldPixels, heldFilters, heldChannels] = [-1, -1, -1, -1]; // where the tiles in the buffers begin
  for (let group = 0; group < geometry.groups; group++) {
    for (const { pixels, filters } of outputs) {
      for (const channels of channelTiles) {
        const isSameDepth = group === heldGroup && channels.from === heldChannels;
        const depth = lengthOf(channels);
        const isLast = channels.to === geometry.channels;
        const count = lengthOf(pixels) * lengthOf(filters);
        const perElement = Math.ceil(lengthOf(pixels) / gridRows) * Math.ceil(lengthOf(filters) / gridColumns);
        steps.push({
          ...{ group, pixels, filters, channels },
          loads: {
            weightBits:
              isSameDepth && filters.from === heldFilters ? 0 : lengthOf(filters) * depth * geometry.taps * bits.weight,
            inputBits:
              isSameDepth && pixels.from === heldPixels
                ? 0
                : Math.ceil(geometry.positionsOf(pixels) * depth * bits.moved),
          },
          writes: isLast
            ? { outputBits: count * bits.output, outputsPerElement: perElement }
            : { outputBits: 0, outputsPerElement: 0 },
        });
        [heldGroup, heldPixels, heldFilters, heldChannels] = [group, pixels.from, filters.from, channels.from];
      }
    }
  }
  return steps;
}
