import type { HostTensor } from "../graph/dtype.js";
import type { Program } from "../plan/program.js";

/** "stage1.conv2 51.4 MB, …": the layers whose results take most, for the message of a refused plan. */
export function describeLargestLayers({ calls }: Program): string {
  const bytes = new Map<string, number>();
  for (const { layer, op, outputs } of calls) {
    const name = layer || op.name;
    bytes.set(name, (bytes.get(name) ?? 0) + outputs.reduce((sum, buffer) => sum + buffer.bytes, 0));
  }
  const largest = [...bytes].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return largest.map(([name, size]) => `${name} ${(size / 1e6).toFixed(1)} MB`).join(", ");
}

/** The batch with which scratch would fit, taking it as proportional; undefined where the inputs have no common batch. */
export function fittingBatch(
  inputs: Record<string, HostTensor>,
  scratchBytes: number,
  available: number,
): number | undefined {
  const batches = new Set(Object.values(inputs).map(({ shape }) => shape[0]));
  const [batch] = batches;
  const fitting = Math.floor((batch * available) / scratchBytes);
  return batches.size === 1 && batch > 1 && fitting >= 1 ? fitting : undefined;
}
