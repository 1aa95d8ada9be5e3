import { ArgumentError } from "@lowbit/core-tensor";

/** @throws {ArgumentError} names the size that is no whole number from 1 */
export function checkSizes(name: string, sizes: Readonly<Record<string, number>>): void {
  for (const [option, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size >= 1) continue;
    throw new ArgumentError(`a recurrent cell can't have ${option} ${size}`, {
      layer: name,
      want: "a whole number from 1",
      got: size,
    });
  }
}
