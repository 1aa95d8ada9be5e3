import type { Result } from "./result.js";
import type { Row } from "./row.js";

const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const percent = (share: number | null): string => (share === null ? "–" : `${(100 * share).toFixed(0)} %`);
const time = (median: number, [low, high]: readonly [number, number]): string =>
  `${number(median)} (${number(low)}–${number(high)})`;

function cellsOf(row: Row): string[] {
  const { oursMedian, oursSpread, peerMedian, peerSpread, operations } = row;
  return [
    row.work,
    `${row.build}, ${row.threads} thr.`,
    time(oursMedian, oursSpread),
    number(operations / oursMedian / 1e6),
    percent(row.shareOfCeiling),
    `${row.peer}${row.peerPrecision === "int8" ? " int8" : ""} ${row.peerVersion}`,
    peerMedian === null || peerSpread === null ? (row.reason ?? "–") : time(peerMedian, peerSpread),
    percent(row.peerShareOfCeiling),
    row.ratio === null ? "–" : `${row.ratio.toFixed(2)}x`,
  ];
}

const HEAD = ["work", "ours", "ms (quartiles)", "Gop/s", "of ceiling", "peer", "ms (quartiles)", "of ceiling", "ratio"];

function alignColumns(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd(),
  );
}

/** Every figure beside its peer's, and both beside what the machine could do at best. Ratio above 1: ours is faster. */
export function formatTable({ suite, machine, load, ceiling, rows, seconds }: Result): string {
  const { multiplyThenAdd, fusedMultiplyAdd, copyBandwidth } = ceiling;
  const fused = fusedMultiplyAdd === null ? "none in this Node" : `${number(fusedMultiplyAdd)} Gop/s`;
  return [
    `${suite}: ${machine.processor}, Node ${machine.node}, load ${load.before[0]} before and ${load.after[0]} after, ${seconds} s`,
    `ceiling of one thread: multiply and add ${number(multiplyThenAdd)} Gop/s, fused ${fused}, copy ${number(copyBandwidth)} GB/s`,
    "",
    ...alignColumns([HEAD, ...rows.map(cellsOf)]),
  ].join("\n");
}
