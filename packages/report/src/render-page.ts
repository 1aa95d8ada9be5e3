import { parseHTML } from "linkedom";
import { checkReport } from "./check-report.js";
import { renderChart } from "./render-chart.js";
import type { Report, Section, Table } from "./report.js";

const STYLE = `
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: white }
h1, h2 { line-height: 1.2 }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .75rem; text-align: right }
th:first-child, td:first-child { text-align: left }
.wide { overflow-x: auto }
figure { margin: 1rem 0 }
figcaption { color: #555 }
`;

// Nothing is fetched and nothing runs: the page is what it holds. Styles are its own, and those inside the charts.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

type Document = ReturnType<typeof parseHTML>["document"];
type Element = ReturnType<Document["createElement"]>;

/**
 * A report as one self-contained page of HTML. It needs no network and runs no script; what it shows are text nodes, so nothing in a report is markup.
 *
 * @throws {ReportError} for a row that doesn't fit its table, or a chart that can't be drawn
 */
export function renderPage(report: Report): string {
  checkReport(report);
  const { document } = parseHTML(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head><body></body></html>',
  );
  const add = (parent: Element, name: string, text?: string): Element => {
    const child = document.createElement(name);
    if (text !== undefined) child.textContent = text;
    parent.appendChild(child);
    return child;
  };
  const policy = add(document.head, "meta");
  policy.setAttribute("http-equiv", "Content-Security-Policy");
  policy.setAttribute("content", POLICY);
  add(document.head, "title", report.title);
  add(document.head, "style", STYLE);

  const addTable = (parent: Element, { columns, rows }: Table): void => {
    const frame = add(parent, "div");
    frame.className = "wide";
    const table = add(frame, "table");
    const head = add(add(table, "thead"), "tr");
    for (const column of columns) add(head, "th", column);
    const body = add(table, "tbody");
    for (const row of rows) {
      const line = add(body, "tr");
      for (const cell of row) add(line, "td", cell);
    }
  };
  const addSection = ({ heading, text = [], table, chart }: Section): void => {
    const section = add(document.body, "section");
    add(section, "h2", heading);
    for (const paragraph of text) add(section, "p", paragraph);
    if (table) addTable(section, table);
    if (!chart) return;
    const figure = add(section, "figure");
    figure.innerHTML = renderChart(chart.chart);
    add(figure, "figcaption", chart.title);
  };

  add(document.body, "h1", report.title);
  for (const paragraph of report.text ?? []) add(document.body, "p", paragraph);
  for (const section of report.sections) addSection(section);
  return `${document.toString()}\n`;
}
