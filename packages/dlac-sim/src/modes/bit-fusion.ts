import type { BitFusionConfiguration } from "../config/config.js";
import type { LayerRun } from "../layer-report.js";
import { SimulatorError } from "../simulator-error.js";
import { type Layer, outputSizeOf, productsOf } from "../workload/layer.js";
import { type FusionProblem, findTiling } from "./bit-fusion-tiling.js";

/**
 * A layer on an array whose units split into smaller ones at fewer bits, after Sharma et al., "Bit Fusion", ISCA 2018.
 *
 * A unit multiplies (mostBits / wBits) · (mostBits / aBits) pairs a cycle. Rows take the input channels of a group, rounded up to a
 * multiple of rows · (mostBits / wBits) · (mostBits / aBits); columns take the output channels of a group, rounded up to a multiple
 * of columns: cycles that do not wait are MACs / (rows · columns · (mostBits / wBits) · (mostBits / aBits) · what the rounding leaves
 * of both). Those that wait are from the tiling of least cycles that fits the buffers. Groups run one after the other.
 */
export function runBitFusion(layer: Layer, machine: BitFusionConfiguration, index: number): LayerRun {
  const { rows, columns, mostBits } = machine;
  const { groups, macs } = productsOf(layer);
  const { wBits = mostBits, aBits = mostBits } = layer;
  const parts = partsOf(layer, "wBits", wBits, machine) * partsOf(layer, "aBits", aBits, machine);
  const problem: FusionProblem = {
    ...shapeOf(layer, machine.im2col === "first" && index === 0),
    ...{ wBits, aBits, rowValues: rows * parts, columns },
    dramBitsPerCycle: machine.dramBitsPerCycle,
    halfBufferBits: {
      weight: 4 * machine.weightBufferBytes,
      input: 4 * machine.inputBufferBytes,
      output: 4 * machine.outputBufferBytes,
    },
  };
  const tiling = findTiling(problem, layer.name);
  const peakMacsPerCycle = rows * columns * parts;
  const busy = groups * tiling.computeCycles;
  const compute = Math.floor(macs / peakMacsPerCycle);
  return {
    macs,
    executedMacs: macs,
    cyclesBy: {
      compute,
      fill: groups * tiling.fillCycles,
      drain: groups * tiling.drainCycles,
      imbalance: busy - compute,
      bandwidth: groups * tiling.stallCycles,
      synchronisation: 0,
    },
    peakMacsPerCycle,
    mappingUtilisation: macs / (busy * peakMacsPerCycle),
    // One value of each operand for each product: units share none over time (the paper's systolic sharing is inside a row).
    sram: { inputBits: (macs / columns) * aBits, weightBits: macs * wBits, outputBits: groups * tiling.outputSramBits },
    dram: {
      inputBits: groups * tiling.dram.inputBits,
      weightBits: groups * tiling.dram.weightBits,
      outputBits: groups * tiling.dram.outputBits,
    },
  };
}

/** In how many parts a unit splits for one operand. */
function partsOf(layer: Layer, field: string, bits: number, machine: BitFusionConfiguration): number {
  if (bits <= machine.mostBits) return Math.floor(machine.mostBits / Math.max(bits, machine.leastBits));
  throw new SimulatorError("LOWBIT_CONFIGURATION", `${field} can't be ${bits}`, {
    where: `layer "${layer.name}", ${field}`,
    want: `a whole number from 1 to mostBits, ${machine.mostBits}`,
    got: bits,
  });
}

type FusionShape = Pick<
  FusionProblem,
  "batch" | "outHeight" | "outWidth" | "inChannels" | "outChannels" | "taps" | "filter" | "stride" | "isUnrolled"
>;

function shapeOf(layer: Layer, isUnrolled: boolean): FusionShape {
  const { groups, batch } = layer;
  if (layer.type === "gemm") {
    return {
      ...{ batch: batch * layer.M, outHeight: 1, outWidth: 1, taps: 1, isUnrolled: false },
      ...{ inChannels: layer.K / groups, outChannels: layer.N / groups, filter: [1, 1], stride: [1, 1] },
    };
  }
  const [outHeight, outWidth] = outputSizeOf(layer);
  return {
    ...{ batch, outHeight, outWidth, taps: layer.R * layer.S, isUnrolled },
    inChannels: layer.C / groups,
    outChannels: layer.M / groups,
    filter: [layer.R, layer.S],
    stride: [layer.strideH, layer.strideW],
  };
}
