export { renderChart } from "./render-chart.js";
export type { RenderedMarkdown } from "./render-markdown.js";
export { renderMarkdown } from "./render-markdown.js";
export { renderPage } from "./render-page.js";
export type {
  Axis,
  BarChart,
  Chart,
  HeatChart,
  LineChart,
  Point,
  Report,
  Section,
  Series,
  Table,
} from "./report.js";
export { ReportError } from "./report-error.js";
