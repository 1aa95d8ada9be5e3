/**
 * Where the cycles of a layer go; whole numbers that sum exactly to `cycles`.
 *
 * - compute: what the executed work takes where every unit always has some (rounded down)
 * - fill: until the first work can start: a first tile out of DRAM, a systolic array's skew
 * - drain: after the last work: the last results on their way out
 * - imbalance: units without work: at edges, or behind slower ones
 * - bandwidth: waiting for DRAM
 * - synchronisation: what waiting for each other after each output adds
 */
export interface CyclesBy {
  readonly compute: number;
  readonly fill: number;
  readonly drain: number;
  readonly imbalance: number;
  readonly bandwidth: number;
  readonly synchronisation: number;
}

/** Bits that cross one level of memory, by operand. */
export interface Traffic {
  readonly inputBits: number;
  readonly weightBits: number;
  readonly outputBits: number;
  readonly totalBits: number;
}

export interface EnergyBy {
  readonly operations: number;
  readonly sram: number;
  readonly dram: number;
}

export interface Figures {
  /** Multiply-accumulates of the layer as it is. */
  readonly macs: number;
  /** Those that the machine carries out; the rest it skips, because an operand is zero. */
  readonly executedMacs: number;
  readonly skippedMacs: number;
  readonly cycles: number;
  readonly cyclesBy: CyclesBy;
  /** Executed multiply-accumulates ÷ those that all units could do in `cycles`; from 0 to 1. */
  readonly utilisation: number;
  /** The share of units that have a place in the layer, were all values non-zero; from 0 to 1. */
  readonly mappingUtilisation: number;
  /** `utilisation` of the cycles in which the array works: without fill, drain and waiting for DRAM. */
  readonly busyUtilisation: number;
  /** The layer's multiply-accumulates ÷ cycles: what a machine that skips nothing would have to do. */
  readonly denseMacsPerCycle: number;
  readonly executedMacsPerCycle: number;
  readonly energyPJ: number;
  readonly energyByPJ: EnergyBy;
  readonly sram: Traffic;
  readonly dram: Traffic;
  /** Systolic mode: 100 · macs ÷ (cycles · rows · columns), as SCALE-Sim has it, in per cent. */
  readonly overallUtilisation?: number;
}

export interface LayerReport extends Figures {
  readonly name: string;
  readonly wBits: number;
  readonly aBits: number;
  readonly wDensity: number;
  readonly aDensity: number;
  /** Event model with sampled tiles: standard error of `cycles`, as a share of them. */
  readonly samplingError?: number;
}

/** What a mode tells of one layer; the rest of the report follows from it. */
export interface LayerRun {
  readonly macs: number;
  readonly executedMacs: number;
  readonly cyclesBy: CyclesBy;
  /** Multiply-accumulates that all units together can do in a cycle, at this layer's bits. */
  readonly peakMacsPerCycle: number;
  /** Share of units with a place in the layer. */
  readonly mappingUtilisation: number;
  readonly sram: Omit<Traffic, "totalBits">;
  readonly dram: Omit<Traffic, "totalBits">;
  readonly samplingError?: number;
}

export const cyclesOf = (by: CyclesBy): number =>
  by.compute + by.fill + by.drain + by.imbalance + by.bandwidth + by.synchronisation;

export const withTotal = ({ inputBits, weightBits, outputBits }: Omit<Traffic, "totalBits">): Traffic => ({
  inputBits,
  weightBits,
  outputBits,
  totalBits: inputBits + weightBits + outputBits,
});
