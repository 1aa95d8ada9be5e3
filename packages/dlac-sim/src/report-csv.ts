import type { Figures } from "./layer-report.js";
import type { SimulationReport } from "./simulate.js";

/** Nested figures as columns: "cyclesBy.compute". */
function flatten(value: object, prefix = ""): [string, string | number][] {
  return Object.entries(value).flatMap(([name, part]) =>
    part !== null && typeof part === "object"
      ? flatten(part, `${prefix}${name}.`)
      : [[`${prefix}${name}`, part as string | number] as [string, string | number]],
  );
}

/** A cell by RFC 4180; a text that a spreadsheet would take for a formula gets a quote before it. */
function cell(value: string | number | undefined): string {
  if (typeof value !== "string") return value === undefined ? "" : String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A report's layers as CSV, a row each and a last one for the total, with every figure in a column named as in JSON. */
export function reportCsv({ layers, total }: SimulationReport): string {
  const rows = [...layers, { name: "total", ...total } satisfies Figures & { name: string }].map(
    (layer) => new Map(flatten(layer)),
  );
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const lines = rows.map((row) => columns.map((column) => cell(row.get(column))).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}
