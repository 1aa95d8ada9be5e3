import fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { type Chart, type Report, ReportError, renderChart, renderMarkdown, renderPage } from "../src/index.js";

const lines: Chart = {
  kind: "lines",
  x: { label: "cost", scale: "log" },
  y: { label: "accuracy, %" },
  series: [
    { name: "w2a2", points: [1, 2, 4].map((x) => ({ x, y: 80 + x, spread: 0.5 })) },
    { name: "fp32", points: [{ x: 2, y: 88 }] },
  ],
};
const heat: Chart = {
  kind: "heat",
  value: "accuracy, %",
  x: { label: "activation bits", names: ["8", "2"] },
  y: { label: "weight bits", names: ["8", "2"] },
  cells: [
    { x: "8", y: "8", value: 84.26 },
    { x: "2", y: "2", value: 61.5 },
  ],
};
const bars: Chart = {
  kind: "bars",
  value: { label: "cycles" },
  bars: [
    { name: "conv1", part: "compute", value: 30 },
    { name: "conv1", part: "fill", value: 10 },
    { name: "conv2", part: "compute", value: 20 },
  ],
};

const svgOf = (chart: Chart) => parseHTML(`<!doctype html><body>${renderChart(chart)}</body>`).document;
const textsOf = (chart: Chart): string[] => [...svgOf(chart).querySelectorAll("text")].map((each) => each.textContent);

describe("charts", () => {
  it("draw each point of each line where its numbers say, and a bar for the spread", () => {
    const dots = [...svgOf(lines).querySelectorAll('[aria-label="dot"]')][0].querySelectorAll("circle");
    const [one, two, four, other] = [...dots].map((each) =>
      ["cx", "cy"].map((name) => Number(each.getAttribute(name))),
    );
    expect(two[0] - one[0]).toBeCloseTo(four[0] - two[0], 6); // logarithmic
    expect(one[1] - two[1]).toBeCloseTo((two[1] - four[1]) / 2, 6); // linear, and upwards
    expect(other[0]).toBeCloseTo(two[0], 6);
    const rules = [...svgOf(lines).querySelectorAll('[aria-label="rule"] line')];
    expect(rules.length).toBe(3);
    const length = (each: { getAttribute(name: string): string | null }): number =>
      Math.abs(Number(each.getAttribute("y1")) - Number(each.getAttribute("y2")));
    expect(length(rules[0])).toBeCloseTo(one[1] - two[1], 6); // ± 0.5 is as long as the step from 81 to 82
  });

  it("write numbers into the cells that are there", () => {
    expect(textsOf(heat)).toEqual(expect.arrayContaining(["84.3", "61.5", "8", "2"]));
    expect(svgOf(heat).querySelectorAll('[aria-label="cell"] rect').length).toBe(2);
  });

  it("stack the parts of a bar", () => {
    const rects = [...svgOf(bars).querySelectorAll('[aria-label="bar"] rect')].map((each) => ({
      x: Number(each.getAttribute("x")),
      width: Number(each.getAttribute("width")),
    }));
    const [compute, fill, second] = rects;
    expect(fill.x).toBeCloseTo(compute.x + compute.width, 0);
    expect(compute.width / fill.width).toBeCloseTo(3, 1);
    expect(compute.width / second.width).toBeCloseTo(1.5, 1);
  });

  it("have no warning of the library's in them", () => {
    for (const chart of [lines, heat, bars]) expect(renderChart(chart)).not.toContain("⚠");
  });

  it("are pictures of their own, the same each time", () => {
    expect(renderChart(bars)).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(renderChart(bars)).toBe(renderChart(bars));
  });

  it.each<[string, Chart, RegExp]>([
    ["nothing", { ...bars, bars: [] }, /nothing to show/],
    ["a number that is none", { ...bars, bars: [{ name: "a", value: Number.NaN }] }, /can't show NaN/],
    ["0 on a logarithmic axis", { ...lines, series: [{ name: "a", points: [{ x: 0, y: 1 }] }] }, /can't show 0/],
    ["a cell outside the grid", { ...heat, cells: [{ x: "9", y: "8", value: 1 }] }, /no column "9"/],
  ])("refuse %s", (_, chart, message) => {
    expect(() => renderChart(chart)).toThrow(ReportError);
    expect(() => renderChart(chart)).toThrow(message);
  });
});

const report = (text: string): Report => ({
  title: text,
  text: [text],
  sections: [
    {
      heading: text,
      table: { columns: [text, "n"], rows: [[text, "1"]] },
      chart: { name: "one", title: text, chart: { ...bars, bars: [{ name: text, part: text, value: 1 }] } },
    },
  ],
});

const payloads = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</style><script>1</script>",
  "]]><svg onload=alert(1)>",
  "a | b",
  "[x](javascript:alert(1))",
  "&lt;b&gt;",
];

describe("texts of a report", () => {
  it.each(payloads)("are no markup in a page: %s", (payload) => {
    const { document } = parseHTML(renderPage(report(payload)));
    expect(document.querySelectorAll("script, img, a, iframe").length).toBe(0);
    const withHandler = [...document.querySelectorAll("*")].filter((each) =>
      [...each.attributes].some(({ name }) => name.startsWith("on")),
    );
    expect(withHandler.length).toBe(0);
    expect(document.querySelector("h1")?.textContent).toBe(payload);
    expect(document.querySelector("td")?.textContent).toBe(payload);
    expect([...document.querySelectorAll("svg text")].map((each) => each.textContent)).toContain(payload);
  });

  it("are no markup in Markdown, and end no cell", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", minLength: 1 }), (text) => {
        const { markdown } = renderMarkdown(report(text));
        expect(markdown).not.toMatch(/(^|[^\\])<[a-z/!]/i);
        const row = markdown.split("\n").filter((each) => each.startsWith("|") && each.endsWith("| 1 |"));
        expect(row.length).toBe(1);
        expect(row[0].replace(/\\./g, "").split("|").length).toBe(4); // two cells between three bars
      }),
      { seed: 1 },
    ));
});

describe("Markdown", () => {
  it("asks for the charts by the names of their files", () => {
    const { markdown, files } = renderMarkdown(report("t"), (name) => `wrpn-${name}.svg`);
    expect(markdown).toContain("![t](wrpn-one.svg)");
    expect([...files.keys()]).toEqual(["wrpn-one.svg"]);
    expect(files.get("wrpn-one.svg")).toMatch(/^<svg/);
  });

  it("sets columns of numbers to the right", () => {
    const table = {
      columns: ["net", "accuracy"],
      rows: [
        ["w2a2", "84.20 ± 0.31"],
        ["w4a4", "85.1 %"],
      ],
    };
    const { markdown } = renderMarkdown({ title: "t", sections: [{ heading: "h", table }] });
    expect(markdown).toContain("| net | accuracy |\n| --- | --: |\n| w2a2 | 84.20 ± 0.31 |");
  });

  it("refuses a row of another length, and two charts of one name", () => {
    const table = { columns: ["a", "b"], rows: [["1"]] };
    expect(() => renderMarkdown({ title: "t", sections: [{ heading: "h", table }] })).toThrow(
      /"h" has 1 cells; want 2/,
    );
    const [section] = report("t").sections;
    expect(() => renderMarkdown({ title: "t", sections: [section, section] })).toThrow(/two charts are called "one"/);
  });
});
