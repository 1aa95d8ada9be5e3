import type { GridConfiguration } from "../config/config.js";
import type { Step } from "./grid-plan.js";

/** What the grid does while it works on one step; real numbers in the closed form. */
export interface StepCycles {
  /** Until the last lane is done. */
  readonly busy: number;
  /** The same if no lane waited for another before the end. */
  readonly unsynchronised: number;
  /** Cycles of work, on average over all lanes of the grid. */
  readonly work: number;
}

export interface PipelineCycles {
  readonly fill: number;
  readonly drain: number;
  readonly busy: number;
  readonly bandwidth: number;
}

/**
 * Steps one after the other, with double buffers: while the grid works on a step, the DRAM port loads the next one's tiles and writes
 * the last one's outputs, which an element's banks hand over. A step lasts as long as the slowest of them:
 *
 *     load(1) + Σ_s max(busy(s), load(s + 1) + write(s − 1), banks(s − 1)) + max(write(n), banks(n))
 */
export function pipelineCycles(
  steps: readonly Step[],
  busyOf: (index: number) => number,
  { dramBitsPerCycle, outputBanks }: GridConfiguration,
): PipelineCycles {
  const transfer = (bits: number): number => Math.ceil(bits / dramBitsPerCycle);
  const load = (index: number): number =>
    index < steps.length ? transfer(steps[index].loads.inputBits + steps[index].loads.weightBits) : 0;
  const write = (index: number): number => (index < 0 ? 0 : transfer(steps[index].writes.outputBits));
  const banks = (index: number): number =>
    index < 0 ? 0 : Math.ceil(steps[index].writes.outputsPerElement / outputBanks);
  let [busy, bandwidth] = [0, 0];
  for (let index = 0; index < steps.length; index++) {
    const own = busyOf(index);
    busy += own;
    bandwidth += Math.max(0, Math.max(load(index + 1) + write(index - 1), banks(index - 1)) - own);
  }
  const last = steps.length - 1;
  return { fill: load(0), drain: Math.max(write(last), banks(last)), busy, bandwidth };
}
