import { describe, expect, it } from "vitest";
import { parseReport, parseWorkload, reportCsv, simulate, sweepMachines } from "../src/index.js";

const workload = parseWorkload({
  layers: [
    { name: 'a "quoted", one', type: "conv", H: 8, W: 8, C: 16, M: 16, R: 3, S: 3, wDensity: 0.5 },
    { name: "=1+1", type: "gemm", M: 1, N: 10, K: 64 },
  ],
});

describe("a report", () => {
  it.each([{ mode: "closed" }, { mode: "event" }, { mode: "systolic", rows: 4, columns: 4 }, { mode: "bit-fusion" }])(
    "can be read back in: %j",
    (machine) => {
      const report = simulate(workload, machine);
      const again = JSON.parse(JSON.stringify(report));
      expect(parseReport(again)).toEqual(again);
    },
  );

  it("that was changed is refused, by the field", () => {
    const report = JSON.parse(JSON.stringify(simulate(workload, { mode: "closed" })));
    expect(() => parseReport({ ...report, format: "other" })).toThrow(/format can't be "other"/);
    expect(() => parseReport({ ...report, total: { ...report.total, cycles: 1 } }, "r.json")).toThrow(
      /the cycles of total are not the sum[\s\S]*r\.json, total/,
    );
    report.layers[1].dram.inputBits = -1;
    expect(() => parseReport(report)).toThrow(/layers\[1\]\.dram\.inputBits can't be -1/);
  });

  it("is CSV with a row for each layer and the total, quoted, and no formula for a spreadsheet", () => {
    const report = simulate(workload, { mode: "closed" });
    const [header, first, second, total] = reportCsv(report).split("\n");
    expect(header).toMatch(/^name,wBits,aBits,.*cyclesBy\.compute,.*dram\.totalBits/);
    expect(first).toMatch(/^"a ""quoted"", one",/);
    expect(second).toMatch(/^'=1\+1,/);
    const column = header.split(",").indexOf("cycles");
    expect(Number(total.split(",")[column])).toBe(report.total.cycles);
  });
});

describe("a sweep", () => {
  it("has a machine for each combination, the last field changing fastest", () => {
    const machines = sweepMachines({ mode: "closed", lanes: 4 }, [
      { field: "gridRows", values: [2, 4] },
      { field: "skip", values: ["none", "both"] },
    ]);
    expect(machines.map(({ values }) => values)).toEqual([
      { gridRows: 2, skip: "none" },
      { gridRows: 2, skip: "both" },
      { gridRows: 4, skip: "none" },
      { gridRows: 4, skip: "both" },
    ]);
    expect(machines[3].configuration).toMatchObject({ gridRows: 4, skip: "both", lanes: 4 });
  });

  it.each([
    ["a field that there is not", [{ field: "rows", values: [2] }], /no field "rows"/],
    ["a value out of range", [{ field: "lanes", values: [2, 0] }], /lanes can't be 0[\s\S]*from 1 to 1024/],
    [
      "a field twice",
      [
        { field: "lanes", values: [2] },
        { field: "lanes", values: [3] },
      ],
      /lanes twice/,
    ],
    ["no value", [{ field: "lanes", values: [] }], /can't have 0 machines/],
  ])("refuses %s", (_, swept, message) => {
    expect(() => sweepMachines({ mode: "closed" }, swept)).toThrow(message);
  });
});
