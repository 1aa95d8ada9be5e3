import CliTable from "cli-table3";
import { printable } from "./print.js";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers stand on the right. */
  readonly isNumber?: boolean;
}

const noLines = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "", left: "", right: "" };
const onlyHead = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  middle: "  ",
};

/** Rows as a person reads them: columns with titles, no frame. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const table = new CliTable({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ isNumber }) => (isNumber ? "right" : "left")),
    chars: { ...noLines, ...onlyHead },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  for (const row of rows) table.push(columns.map(({ value }) => printable(value(row))));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** 1234567 → "1.2 MB" */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
