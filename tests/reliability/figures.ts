import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "../workspace.js";

/** What one goal's tests found. */
export interface Figures {
  /** How much was tried: may grow, may not shrink. */
  readonly tried: Readonly<Record<string, number>>;
  /** What must never happen: all 0. */
  readonly violations: Readonly<Record<string, number>>;
  /** Measured, for people: depends on the machine and is compared with nothing. */
  readonly measured?: Readonly<Record<string, number | string>>;
}

/** One run of all goals: the size that continuous integration runs, or the whole. */
export type RunSize = "ci" | "full";

/** Set by `pnpm reliability` alone: record the figures of this run instead of comparing them. */
const recordInto = process.env.LOWBIT_RELIABILITY_RECORD;

export const runSize: RunSize = process.env.LOWBIT_RELIABILITY === "full" ? "full" : "ci";

/** The number to try in this run. */
export function sized(ci: number, full: number): number {
  return runSize === "full" ? full : ci;
}

/** Compares a goal's figures with those of the committed reliability.json, or records them for `pnpm reliability`. */
export function checkFigures(goal: string, { tried, violations, measured }: Figures): void {
  expect(violations).toEqual(Object.fromEntries(Object.keys(violations).map((name) => [name, 0])));
  if (recordInto !== undefined) {
    mkdirSync(recordInto, { recursive: true });
    writeFileSync(join(recordInto, `${goal}.json`), JSON.stringify({ tried, violations, measured }));
    return;
  }
  const committed = JSON.parse(readFileSync(join(root, "reliability.json"), "utf8"));
  const recorded: Figures | undefined = committed.goals[goal]?.[runSize];
  expect(recorded, `reliability.json has no figures of ${goal}: pnpm reliability writes them`).toBeDefined();
  const shrunk = Object.entries(recorded?.tried ?? {}).filter(([name, count]) => !((tried[name] ?? 0) >= count));
  expect(shrunk.map(([name, count]) => `${goal} ${name}: ${count} are recorded, ${tried[name]} were tried`)).toEqual(
    [],
  );
}
