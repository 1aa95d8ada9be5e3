import type { Chart, Report } from "./report.js";
import { ReportError } from "./report-error.js";

/** What must be finite: a number that is none would be a gap in a picture, and gaps say nothing. */
function numbersOf(chart: Chart): readonly number[] {
  if (chart.kind === "lines")
    return chart.series.flatMap(({ points }) => points.flatMap(({ x, y, spread = 0 }) => [x, y, spread]));
  return (chart.kind === "heat" ? chart.cells : chart.bars).map(({ value }) => value);
}

/** @throws {ReportError} for a chart without data, or with a number that can't be drawn */
export function checkChart(chart: Chart, where: string): void {
  const numbers = numbersOf(chart);
  if (numbers.length === 0) throw new ReportError(`${where} has nothing to show`);
  const wrong = numbers.find((each) => !Number.isFinite(each));
  if (wrong !== undefined) throw new ReportError(`${where} can't show ${wrong}; want finite numbers`);
  if (chart.kind === "lines") {
    for (const axis of ["x", "y"] as const) {
      const points = chart.series.flatMap(({ points }) => points);
      const low = points.find((point) => point[axis] <= 0);
      if (chart[axis].scale === "log" && low)
        throw new ReportError(`${where} can't show ${low[axis]} on the logarithmic axis ${axis}; want more than 0`);
    }
  }
  if (chart.kind === "heat") {
    for (const { x, y } of chart.cells) {
      if (!(chart.x.names.includes(x) && chart.y.names.includes(y)))
        throw new ReportError(`${where} has no column ${JSON.stringify(x)} or no row ${JSON.stringify(y)}`);
    }
  }
}

/** @throws {ReportError} for a row that doesn't fit its table, two charts of one name, or a chart that can't be drawn */
export function checkReport({ sections }: Report): void {
  const names = new Set<string>();
  for (const { heading, table, chart } of sections) {
    const bad = table?.rows.find((row) => row.length !== table.columns.length);
    if (table && bad) {
      const want = `want ${table.columns.length}, one for each column`;
      throw new ReportError(`a row of the table under "${heading}" has ${bad.length} cells; ${want}`);
    }
    if (!chart) continue;
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(chart.name))
      throw new ReportError(`a chart can't be called ${JSON.stringify(chart.name)}; want kebab-case`);
    if (names.has(chart.name)) throw new ReportError(`two charts are called "${chart.name}"`);
    names.add(chart.name);
    checkChart(chart.chart, `chart "${chart.name}"`);
  }
}
