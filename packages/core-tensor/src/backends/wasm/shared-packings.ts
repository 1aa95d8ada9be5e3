import type { Buffer, Call } from "../../plan/program.js";
import type { Kernel } from "./instruction.js";

/**
 * Names the packings that get a place of their own: those of constants, and those that several calls of a program make of one value in
 * the same way, as the steps of an unrolled network do. Calls of one name read one copy: made when the program is loaded, or by the first
 * of them in every run. What one call alone packs of a value that changes lies in that call's workspace, and has no name.
 */
export function sharedPackings(
  calls: readonly Call[],
  kernelOf: (call: Call) => Kernel | undefined,
  isConstant: (buffer: Buffer) => boolean,
): ReadonlyMap<Call, string> {
  const values = new Map<Buffer, number>();
  const numberOf = (buffer: Buffer): number => {
    const number = values.get(buffer) ?? values.size;
    values.set(buffer, number);
    return number;
  };
  // A buffer is written once in a run, but its place in scratch may be another's before and after: buffers count, not places.
  const nameOf = (call: Call, { packing }: Kernel): string | undefined => {
    if (!packing || packing.bytes(call) === 0) return undefined;
    const { region, offset } = call.inputs[packing.input];
    const value = region === "resident" ? `resident ${offset}` : `scratch ${numberOf(call.inputs[packing.input])}`;
    const how = packing.emit(call, { workspace: 0, packed: 0, of: () => 0 }); // the same words: the same packing
    return `${value} ${packing.bytes(call)} ${JSON.stringify(how)}`;
  };
  const named = calls.flatMap((call) => {
    const kernel = kernelOf(call);
    const name = kernel && nameOf(call, kernel);
    return kernel?.packing && name ? [{ call, name, lasts: isConstant(call.inputs[kernel.packing.input]) }] : [];
  });
  const uses = new Map<string, number>();
  for (const { name } of named) uses.set(name, (uses.get(name) ?? 0) + 1);
  return new Map(
    named.filter(({ name, lasts }) => lasts || (uses.get(name) as number) > 1).map(({ call, name }) => [call, name]),
  );
}
