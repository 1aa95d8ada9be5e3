import { SimulatorError } from "../simulator-error.js";

/** One group of a layer, and what of the machine decides its tiling. */
export interface FusionProblem {
  readonly batch: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Positions of a filter, R · S. */
  readonly taps: number;
  readonly filter: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Whether the windows are unrolled in DRAM, so that rows take taps · channels. */
  readonly isUnrolled: boolean;
  readonly wBits: number;
  readonly aBits: number;
  /** Input values that the rows take in a cycle. */
  readonly rowValues: number;
  readonly columns: number;
  readonly dramBitsPerCycle: number;
  readonly halfBufferBits: Readonly<Record<Operand, number>>;
}

export interface FusionTiling {
  readonly computeCycles: number;
  /** Loading the first tiles, writing the last ones, and waiting for DRAM in between. */
  readonly fillCycles: number;
  readonly drainCycles: number;
  readonly stallCycles: number;
  readonly dram: { readonly inputBits: number; readonly weightBits: number; readonly outputBits: number };
  /** Partial sums read and written. */
  readonly outputSramBits: number;
}

type Operand = "weight" | "input" | "output";
type Axis = "batch" | "height" | "width" | "inChannels" | "outChannels";

const SUM_BITS = 32;
const operands: readonly Operand[] = ["weight", "input", "output"];

/** Which operands change when a loop over tiles of this axis goes on. */
const dependsOn: Readonly<Record<Axis, Readonly<Record<Operand, boolean>>>> = {
  batch: { weight: false, input: true, output: true },
  height: { weight: false, input: true, output: true },
  width: { weight: false, input: true, output: true },
  inChannels: { weight: true, input: true, output: false },
  outChannels: { weight: true, input: false, output: true },
};

/** Tile sizes along each axis. */
interface Tile {
  readonly batch: number;
  readonly side: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

const up = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** 1, 2, 4 … times `unit`, and `most` itself. */
function sizes(most: number, unit = 1): number[] {
  const found: number[] = [];
  for (let size = unit; size < most; size *= 2) found.push(size);
  return [...found, most];
}

/**
 * The tiling and order of loops with the fewest cycles, and of those the one with the least traffic, as BitFusion's simulator
 * searches it: tiles are powers of 2 along batch, the output's side, input and output channels; all orders of the loops over them.
 *
 * An operand stays in its buffer over the inner loops that do not change it, and over those that do as long as all of their tiles
 * fit. Cycles are max(compute, traffic between first load and last write) + first load + last write.
 *
 * @throws {SimulatorError} where not even the smallest tile fits half the buffers
 */
export function findTiling(problem: FusionProblem, layerName: string): FusionTiling {
  let best: FusionTiling | undefined;
  const side = Math.max(problem.outHeight, problem.outWidth);
  for (const batch of sizes(problem.batch)) {
    for (const tileSide of sizes(side)) {
      for (const inChannels of sizes(problem.inChannels)) {
        for (const outChannels of sizes(problem.outChannels, problem.isUnrolled ? 1 : problem.columns)) {
          const tile = { batch, side: tileSide, inChannels, outChannels: Math.min(outChannels, problem.outChannels) };
          const bits = tileBits(problem, tile);
          if (operands.some((operand) => bits[operand] > problem.halfBufferBits[operand])) continue;
          if (best !== undefined && turns(problem, tile) * tileCycles(problem, tile) > totalCycles(best)) continue;
          const found = bestOrder(problem, tile, bits);
          if (best === undefined || isBetter(found, best)) best = found;
        }
      }
    }
  }
  if (best !== undefined) return best;
  const smallest = tileBits(problem, { batch: 1, side: 1, inChannels: 1, outChannels: 1 });
  const short = operands.find((operand) => smallest[operand] > problem.halfBufferBits[operand]) ?? "output";
  throw new SimulatorError("LOWBIT_CONFIGURATION", `no tile of layer "${layerName}" fits the ${short} buffer`, {
    where: `${short}BufferBytes`,
    want: `at least ${Math.ceil(smallest[short] / 4)} bytes: twice its smallest tile`,
    got: problem.halfBufferBits[short] / 4,
  });
}

const totalCycles = (tiling: FusionTiling): number =>
  tiling.computeCycles + tiling.fillCycles + tiling.drainCycles + tiling.stallCycles;
const dramBits = ({ dram }: FusionTiling): number => dram.inputBits + dram.weightBits + dram.outputBits;
const isBetter = (one: FusionTiling, other: FusionTiling): boolean =>
  totalCycles(one) < totalCycles(other) || (totalCycles(one) === totalCycles(other) && dramBits(one) < dramBits(other));

/** Bits of each operand's tile in its buffer: weights padded to whole rows, sums to whole columns. */
function tileBits(problem: FusionProblem, tile: Tile): Record<Operand, number> {
  const { taps, rowValues, columns, wBits, aBits, isUnrolled, filter, stride } = problem;
  const [height, width] = [Math.min(tile.side, problem.outHeight), Math.min(tile.side, problem.outWidth)];
  const windowRows = filter[0] + (height - 1) * stride[0];
  const windowColumns = filter[1] + (width - 1) * stride[1];
  const inputs = isUnrolled ? height * width * taps * tile.inChannels : windowRows * windowColumns * tile.inChannels;
  return {
    weight: up(taps * tile.inChannels, rowValues) * tile.outChannels * wBits,
    input: inputs * tile.batch * aBits,
    output: height * width * up(tile.outChannels, columns) * tile.batch * SUM_BITS,
  };
}

function bestOrder(problem: FusionProblem, tile: Tile, bits: Readonly<Record<Operand, number>>): FusionTiling {
  const counts = tileCounts(problem, tile);
  const computeCycles = turns(problem, tile) * tileCycles(problem, tile);
  const moving = (Object.keys(counts) as Axis[]).filter((axis) => counts[axis] > 1); // a loop of one turn changes nothing
  let best: FusionTiling | undefined;
  for (const innerFirst of permutations(moving)) {
    const found = costOfOrder(problem, innerFirst, counts, bits, computeCycles);
    if (best === undefined || isBetter(found, best)) best = found;
  }
  return best as FusionTiling; // there is always one order, if need be of no loop
}

function tileCounts(problem: FusionProblem, tile: Tile): Readonly<Record<Axis, number>> {
  return {
    batch: Math.ceil(problem.batch / tile.batch),
    height: Math.ceil(problem.outHeight / tile.side),
    width: Math.ceil(problem.outWidth / tile.side),
    inChannels: Math.ceil(problem.inChannels / tile.inChannels),
    outChannels: Math.ceil(problem.outChannels / tile.outChannels),
  };
}

/** How many tiles there are. */
const turns = (problem: FusionProblem, tile: Tile): number =>
  Object.values(tileCounts(problem, tile)).reduce((product, count) => product * count, 1);

/** Cycles of one tile that do not wait. */
function tileCycles(problem: FusionProblem, { batch, side, inChannels, outChannels }: Tile): number {
  const outputs = batch * Math.min(side, problem.outHeight) * Math.min(side, problem.outWidth);
  const columnTurns = Math.ceil(outChannels / problem.columns);
  const { taps, rowValues, isUnrolled } = problem;
  const rowTurns = isUnrolled ? Math.ceil((taps * inChannels) / rowValues) : taps * Math.ceil(inChannels / rowValues);
  return outputs * columnTurns * rowTurns;
}

function costOfOrder(
  problem: FusionProblem,
  innerFirst: readonly Axis[],
  counts: Readonly<Record<Axis, number>>,
  bits: Readonly<Record<Operand, number>>,
  computeCycles: number,
): FusionTiling {
  const moved: Record<Operand, number> = { ...bits };
  const kept: Record<Operand, number> = { ...bits };
  for (const operand of operands) {
    let stays = true;
    for (const axis of innerFirst) {
      if (stays && !dependsOn[axis][operand]) continue;
      moved[operand] *= counts[axis];
      if (stays && moved[operand] > problem.halfBufferBits[operand]) stays = false;
      else if (stays) kept[operand] = moved[operand];
    }
  }
  const port = problem.dramBitsPerCycle;
  const firstLoad = kept.weight + kept.input + kept.output; // sums are read before they are added to
  const lastWrite = kept.output;
  const between = moved.weight + moved.input + 2 * moved.output - firstLoad - lastWrite;
  return {
    computeCycles,
    fillCycles: Math.ceil(firstLoad / port),
    drainCycles: Math.ceil(lastWrite / port),
    stallCycles: Math.max(0, Math.ceil(between / port) - computeCycles),
    dram: { weightBits: moved.weight, inputBits: moved.input, outputBits: 2 * moved.output },
    outputSramBits: 2 * moved.output,
  };
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) => {
    const others = [...items.slice(0, index), ...items.slice(index + 1)];
    return permutations(others).map((rest) => [item, ...rest]);
  });
}
