import { checkReport } from "./check-report.js";
import { renderChart } from "./render-chart.js";
import type { Report, Section, Table } from "./report.js";

/** Markdown text that shows these characters: no markup, no HTML, no cell's end, one line. */
const escapeText = (text: string): string => text.replace(/[\\`*_[\]<>|#]/g, "\\$&").replace(/\s*\n\s*/g, " ");

const rowOf = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const isNumber = (cell: string): boolean => /^[-+−]?[\d.,]+( ?[%×x]| ± .*)?$/.test(cell.trim());

/** Columns of numbers stand to the right. */
function tableLines({ columns, rows }: Table): string[] {
  const rules = columns.map((_, i) => (rows.length > 0 && rows.every((row) => isNumber(row[i])) ? "--:" : "---"));
  return [rowOf(columns.map(escapeText)), rowOf(rules), ...rows.map((row) => rowOf(row.map(escapeText)))];
}

function sectionLines({ heading, text = [], table, chart }: Section, chartFile: (name: string) => string): string[] {
  const paragraphs = text.map(escapeText);
  if (table) paragraphs.push(tableLines(table).join("\n"));
  if (chart) paragraphs.push(`![${escapeText(chart.title)}](${encodeURI(chartFile(chart.name))})`);
  return [`## ${escapeText(heading)}`, ...paragraphs];
}

/** A text and the pictures beside it. */
export interface RenderedMarkdown {
  readonly markdown: string;
  /** The charts as SVG, by the names under which the text asks for them. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * A report as Markdown, with its charts as SVG files that lie beside it.
 *
 * @param chartFile  makes a file's name of a chart's; "NAME.svg" unless told otherwise
 * @throws {ReportError} for a row that doesn't fit its table, or a chart that can't be drawn
 */
export function renderMarkdown(report: Report, chartFile = (name: string): string => `${name}.svg`): RenderedMarkdown {
  checkReport(report);
  const sections = report.sections.map((section) => sectionLines(section, chartFile).join("\n\n"));
  const lines = [`# ${escapeText(report.title)}`, ...(report.text ?? []).map(escapeText), ...sections];
  const charts = report.sections.flatMap(({ chart }) => (chart ? [chart] : []));
  return {
    markdown: `${lines.join("\n\n")}\n`,
    files: new Map(charts.map(({ name, chart }) => [chartFile(name), renderChart(chart)])),
  };
}
