import type { Verdict } from "./define-study.js";

/** A claim about rows of a study's table, each measured in several seeds. */
export interface Claim<Row, Value> {
  readonly claim: string;
  readonly rows: readonly Row[];
  /** Whether what the rows measured bears it out, and the numbers that say so. */
  decide(values: readonly Value[]): { readonly holds: boolean; readonly because: string };
}

/**
 * Judges claims by what there is; one of them stays open while a row that it is about lacks a seed.
 *
 * @param table.valueOf  what a row measured; undefined until each of its seeds is there
 */
export function judgeClaims<Row, Value extends object>(
  claims: readonly Claim<Row, Value>[],
  table: {
    readonly seeds: number;
    nameOf(row: Row): string;
    valueOf(row: Row): Value | undefined;
  },
): Verdict[] {
  return claims.map(({ claim, rows, decide }) => {
    const values = rows.map((row) => table.valueOf(row));
    const missing = rows.filter((_, i) => values[i] === undefined).map((row) => table.nameOf(row));
    if (missing.length > 0) {
      return { claim, verdict: "open", because: `not in all ${table.seeds} seeds yet: ${missing.join(", ")}` };
    }
    const { holds, because } = decide(values as Value[]);
    return { claim, verdict: holds ? "reproduced" : "not reproduced", because };
  });
}
