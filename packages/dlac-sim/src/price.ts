import type { Configuration } from "./config/config.js";
import { peKinds } from "./config/pe-kind.js";
import type { EnergyBy, LayerRun } from "./layer-report.js";
import type { Costs } from "./technology/technology.js";

/** What a machine occupies. */
export interface Area {
  /** Arithmetic, and what else a lane needs: the core, which densities are told of. */
  readonly coreMM2: number;
  readonly totalMM2: number;
  readonly byMM2: {
    readonly arithmetic: number;
    readonly control: number;
    readonly inputBuffer: number;
    readonly weightBuffer: number;
    readonly outputBuffers: number;
  };
}

/** How many units of arithmetic there are, and how many buffers of sums. */
function unitsOf(machine: Configuration): { readonly lanes: number; readonly outputBuffers: number } {
  if (machine.mode === "systolic" || machine.mode === "bit-fusion") {
    return { lanes: machine.rows * machine.columns, outputBuffers: 1 };
  }
  const elements = machine.gridRows * machine.gridColumns;
  return { lanes: elements * machine.lanes, outputBuffers: elements };
}

/** Rows of the table that one multiply-accumulate is made of. */
function operationsOf(machine: Configuration, bits: number): readonly string[] {
  if (machine.mode !== "bit-fusion") return peKinds[machine.pe].operations;
  return [`fused-unit-${[2, 4, 8].find((size) => bits <= size) ?? 16}`];
}

export function areaOf(machine: Configuration, costs: Costs): Area {
  const { lanes, outputBuffers } = unitsOf(machine);
  const mostBits = machine.mode === "bit-fusion" ? machine.mostBits : 0;
  const arithmetic = operationsOf(machine, mostBits).reduce((sum, name) => sum + costs.operation(name).areaUM2, 0);
  const control = "otherAreaUM2PerLane" in machine ? machine.otherAreaUM2PerLane : 0;
  const byMM2 = {
    arithmetic: (lanes * arithmetic) / 1e6,
    control: (lanes * control) / 1e6,
    inputBuffer: costs.sram(machine.inputBufferBytes).areaUM2 / 1e6,
    weightBuffer: costs.sram(machine.weightBufferBytes).areaUM2 / 1e6,
    outputBuffers: (outputBuffers * costs.sram(machine.outputBufferBytes).areaUM2) / 1e6,
  };
  const coreMM2 = byMM2.arithmetic + byMM2.control;
  return { coreMM2, totalMM2: coreMM2 + byMM2.inputBuffer + byMM2.weightBuffer + byMM2.outputBuffers, byMM2 };
}

/**
 * Energy of a layer: Σ count × table. Operations: executed multiply-accumulates. SRAM: what the array reads of inputs and weights,
 * what DRAM wrote of them, and sums, half of whose traffic are reads and half writes. DRAM: every bit that crosses its port. Leakage,
 * clock and control are not counted.
 */
export function energyOf(run: LayerRun, machine: Configuration, bits: number, costs: Costs): EnergyBy {
  const operation = operationsOf(machine, bits).reduce((sum, name) => sum + costs.operation(name).energyPJ, 0);
  const [input, weight, output] = [
    costs.sram(machine.inputBufferBytes),
    costs.sram(machine.weightBufferBytes),
    costs.sram(machine.outputBufferBytes),
  ];
  const { sram, dram } = run;
  return {
    operations: run.executedMacs * operation,
    sram:
      sram.inputBits * input.readPJPerBit +
      dram.inputBits * input.writePJPerBit +
      sram.weightBits * weight.readPJPerBit +
      dram.weightBits * weight.writePJPerBit +
      (sram.outputBits / 2) * (output.readPJPerBit + output.writePJPerBit),
    dram: (dram.inputBits + dram.weightBits + dram.outputBits) * costs.dramPJPerBit(),
  };
}
