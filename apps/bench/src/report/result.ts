import type { Ceiling } from "../measure/ceiling.js";
import { currentCommit, currentLoad, describeMachine, type Machine } from "../measure/machine.js";
import type { Row } from "./row.js";

/** What a run of a suite leaves: read by people in docs/results/, and by whoever compares two commits. */
export interface Result {
  readonly suite: string;
  readonly command: string;
  readonly commit: string | null;
  readonly date: string;
  readonly machine: Machine;
  /** Load averages before and after: figures of a busy machine are marked by them. */
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly seconds: number;
  readonly ceiling: Ceiling;
  readonly rows: readonly Row[];
}

/** Notes where and when a run starts; the function that it returns makes the result at its end. */
export function startResult(suite: string, command: string): (rows: readonly Row[], ceiling: Ceiling) => Result {
  const before = currentLoad();
  const date = new Date().toISOString();
  const commit = currentCommit();
  const machine = describeMachine();
  const started = performance.now();
  return (rows, ceiling) => {
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return { suite, command, commit, date, machine, load: { before, after: currentLoad() }, seconds, ceiling, rows };
  };
}
