import type { SystolicConfiguration } from "../config/config.js";
import { peKinds } from "../config/pe-kind.js";
import { elementsOf, type Layer, type Products } from "../workload/layer.js";
import type { Mapping } from "./systolic-mapping.js";

/**
 * Words that cross the DRAM port. An operand that fits half its buffer (the other half is being filled) is fetched once; else what
 * one fold of the outer loop needs is fetched again for each turn of it, unless that part fits. Columns are the outer loop.
 * Partial sums of output stationary arrays never leave the array; the others' are written back once when they are complete.
 */
export function fetchedWords(
  layer: Layer,
  { groups, pixels, filters, window }: Products,
  { rowFolds, columnFolds }: Mapping,
  machine: SystolicConfiguration,
): { readonly inputs: number; readonly weights: number; readonly outputs: number } {
  const { pe, dataflow, inputBufferBytes, weightBufferBytes } = machine;
  const { wBits = peKinds[pe].wBits, aBits = peKinds[pe].aBits } = layer;
  const unique = elementsOf(layer);
  const fitsInputs = (unique.inputs / groups) * aBits <= 4 * inputBufferBytes;
  const fitsWeights = (unique.weights / groups) * wBits <= 4 * weightBufferBytes;
  const inputTurns = dataflow === "is" || fitsInputs ? 1 : columnFolds;
  const weightTurns = {
    os: columnShareFits(window * machine.columns * wBits, weightBufferBytes) || fitsWeights ? 1 : rowFolds,
    ws: 1,
    is: fitsWeights ? 1 : columnFolds,
  }[dataflow];
  return {
    inputs: unique.inputs * inputTurns,
    weights: unique.weights * weightTurns,
    outputs: groups * pixels * filters,
  };
}

/** Whether the filters of one column fold stay in half a buffer while all pixels pass. */
const columnShareFits = (bits: number, bufferBytes: number): boolean => bits <= 4 * bufferBytes;
