import { ArgumentError } from "@lowbit/core-tensor";
import type { CellOptions } from "./recurrent-cell.js";

/** @throws {ArgumentError} names the size that is no whole number from 1 */
export function checkSizes({ name, inputSize, hiddenSize }: CellOptions): void {
  for (const [option, size] of Object.entries({ inputSize, hiddenSize })) {
    if (Number.isSafeInteger(size) && size >= 1) continue;
    throw new ArgumentError(`a recurrent cell can't have ${option} ${size}`, {
      layer: name,
      want: "a whole number from 1",
      got: size,
    });
  }
}
