import {
  axisX,
  axisY,
  barX,
  cell,
  dot,
  gridX,
  gridY,
  line,
  type Markish,
  type PlotOptions,
  plot,
  ruleX,
  text,
} from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { checkChart } from "./check-report.js";
import type { Axis, BarChart, Chart, HeatChart, LineChart } from "./report.js";

const WIDTH = 720;

/** Told apart by most eyes, and dark enough on white: Okabe and Ito, "Color Universal Design", without its yellow. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

const scaleOf = ({ label, scale = "linear" }: Axis) => ({
  ...{ label, type: scale, labelArrow: "none" as const },
  ...(scale === "log" && { tickFormat: (tick: number) => String(Number(tick.toPrecision(6))) }), // not "200m" for 0.2
});

/** Names beside the ends of the lines would lie on each other where lines end together: a legend above never does. */
function legend(names: readonly string[]): { marks: Markish[]; height: number } {
  const columns = Math.max(1, Math.floor((WIDTH - 80) / 160));
  const rows = Math.ceil(names.length / columns);
  const marks = names.flatMap((name, i) => {
    const at = {
      frameAnchor: "top-left" as const,
      dx: 6 + (i % columns) * 160,
      dy: -18 - 16 * (rows - 1 - Math.floor(i / columns)),
    };
    return [
      dot([name], { ...at, r: 4, fill: (each: string) => each }),
      text([name], { ...at, dx: at.dx + 9, dy: at.dy - 6, text: (each: string) => each, textAnchor: "start" }),
    ];
  });
  return { marks, height: 18 + 16 * rows };
}

const colourScale = (names: readonly string[]) => ({
  type: "ordinal" as const,
  domain: [...names],
  range: names.map((_, i) => COLOURS[i % COLOURS.length]),
});

function lines({ x, y, series, joined = true }: LineChart): PlotOptions {
  const names = series.map(({ name }) => name);
  const points = series.flatMap(({ name, points }) => points.map((point) => ({ ...point, name })));
  const inOrder = points.toSorted((a, b) => a.x - b.x);
  const barred = points.filter(({ spread = 0 }) => spread > 0);
  const key = legend(names);
  return {
    height: 380 + key.height,
    marginTop: 20 + key.height,
    marginLeft: 56,
    marginBottom: 46,
    inset: 8,
    x: scaleOf(x),
    y: scaleOf(y),
    color: colourScale(names),
    marks: [
      gridX({ strokeOpacity: 0.1 }),
      gridY({ strokeOpacity: 0.1 }),
      ruleX(barred, {
        x: "x",
        y1: (point) => point.y - point.spread,
        y2: (point) => point.y + point.spread,
        stroke: "name",
        strokeOpacity: 0.6,
      }),
      ...(joined ? [line(inOrder, { x: "x", y: "y", z: "name", stroke: "name", strokeWidth: 1.8 })] : []),
      dot(points, { x: "x", y: "y", fill: "name", r: 3.5, title: ({ name, x, y }) => `${name}: ${x}, ${y}` }),
      ...key.marks,
    ],
  };
}

function heat({ x, y, value, cells }: HeatChart): PlotOptions {
  const values = cells.map((each) => each.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isDark = (each: number): boolean => (high === low ? 0 : (each - low) / (high - low)) > 0.55;
  const show = (each: number): string => (Number.isInteger(each) ? String(each) : each.toFixed(1));
  return {
    height: 90 + 46 * y.names.length,
    marginTop: 50,
    marginLeft: 70,
    padding: 0.04,
    x: { domain: [...x.names], type: "band" },
    y: { domain: [...y.names], type: "band" },
    color: { type: "linear", scheme: "Blues", domain: high === low ? [low - 1, high + 1] : [low, high] },
    marks: [
      axisX({ anchor: "top", label: `${value}, by ${x.label}`, labelArrow: "none", tickSize: 0 }),
      axisY({ label: y.label, labelArrow: "none", tickSize: 0 }),
      cell(cells, { x: "x", y: "y", fill: "value" }),
      text(cells, {
        x: "x",
        y: "y",
        text: (each) => show(each.value),
        fill: (each) => (isDark(each.value) ? "white" : "black"),
        fontSize: 12,
      }),
    ],
  };
}

function bars({ value, bars: entries }: BarChart): PlotOptions {
  const names = [...new Set(entries.map(({ name }) => name))];
  const parts = [...new Set(entries.flatMap(({ part }) => part ?? []))];
  const key = parts.length > 0 ? legend(parts) : { marks: [], height: 0 };
  const longest = Math.max(...names.map((name) => name.length));
  return {
    height: 80 + key.height + 24 * names.length,
    marginTop: 20 + key.height,
    marginBottom: 46,
    marginLeft: Math.min(260, 20 + 7 * longest),
    x: { ...scaleOf(value), grid: true },
    y: { label: null, domain: names },
    ...(parts.length > 0 && { color: colourScale(parts) }),
    marks: [
      barX(entries, {
        x: "value",
        y: "name",
        fill: parts.length > 0 ? "part" : COLOURS[0],
        title: ({ name, part, value: amount }) => `${name}${part === undefined ? "" : `, ${part}`}: ${amount}`,
      }),
      ruleX([0]),
      ...key.marks,
    ],
  };
}

const optionsOf = (chart: Chart): PlotOptions => {
  if (chart.kind === "lines") return lines(chart);
  return chart.kind === "heat" ? heat(chart) : bars(chart);
};

/**
 * A chart as a picture of its own: SVG 1.1 text without a script, on white. What names it holds are text nodes, so nothing in them is markup.
 *
 * @throws {ReportError} for a chart without data, or with a number that can't be drawn
 */
export function renderChart(chart: Chart): string {
  checkChart(chart, `a chart of kind "${chart.kind}"`);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const drawn = plot({ document, width: WIDTH, style: { background: "white", fontSize: "12px" }, ...optionsOf(chart) });
  drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${drawn.outerHTML}\n`;
}
