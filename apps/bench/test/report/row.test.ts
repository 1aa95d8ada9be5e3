import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Alternation } from "../../src/measure/alternate.js";
import { type Result, startResult } from "../../src/report/result.js";
import { makeRow, type Row, type RowLabels } from "../../src/report/row.js";
import { formatTable } from "../../src/report/table.js";

const summary = (median: number) => ({ median, lowerQuartile: median - 1, upperQuartile: median + 1, repetitions: 9 });
const measured: Alternation = { sides: [summary(20), summary(90)], ceiling: 40 };
const labels: RowLabels = {
  ...{ work: "gemm-fp32-1024", ours: "@lowbit/core-tensor wasm", peer: "onnxruntime-web", peerPrecision: "fp32" },
  ...{ peerVersion: "1.30.0", threads: 1, build: "portable", operations: 4e8 },
};

/** What every row must have; undefined where it is sound. */
function faultOf(row: Row): string | undefined {
  const texts = [row.work, row.ours, row.peer, row.peerVersion, row.build];
  if (texts.some((text) => typeof text !== "string" || text === "")) return "a name is missing";
  if (!["fp32", "int8"].includes(row.peerPrecision)) return "the peer's precision is unknown";
  if (!/^(gemm|conv|infer|train)-[a-z0-9-]+$/.test(row.work)) return "the work's id does not fit";
  if (!(Number.isInteger(row.threads) && row.threads > 0)) return "threads are no whole number";
  if (!(row.oursMedian > 0 && row.operations > 0 && row.shareOfCeiling > 0)) return "our side has no figure";
  if (row.unit !== "ms") return "the unit is not ms";
  if (row.ratio === null) return row.reason && row.peerMedian === null ? undefined : "no ratio, and no reason";
  if (row.peerMedian === null || !row.peerShareOfCeiling) return "the peer has no figure";
  return Math.abs(row.ratio - row.peerMedian / row.oursMedian) < 1e-9
    ? undefined
    : "the ratio is not that of the medians";
}

describe("a row", () => {
  it("says how much faster ours is, and how near both are to the ceiling", () => {
    const row = makeRow(labels, measured, { side: 1 });
    expect(row).toMatchObject({ ratio: 4.5, oursMedian: 20, peerMedian: 90, unit: "ms", repetitions: 9 });
    expect(row.shareOfCeiling).toBeCloseTo(0.5, 12); // 4e8 operations in 20 ms are 20 Gop/s
    expect(row.peerShareOfCeiling).toBeCloseTo(0.5 / 4.5, 12);
    expect(faultOf(row)).toBeUndefined();
  });

  it("counts a ceiling for every thread", () => {
    expect(makeRow({ ...labels, threads: 2 }, measured, { side: 1 }).shareOfCeiling).toBeCloseTo(0.25, 12);
  });

  it("gives the reason where a peer could not run", () => {
    const row = makeRow(labels, measured, { reason: "its threads do not start in Node" });
    expect(row).toMatchObject({ ratio: null, peerMedian: null, peerSpread: null });
    expect(faultOf(row)).toBeUndefined();
  });
});

describe("a result", () => {
  const finish = startResult("kernels", "pnpm bench kernels");
  const rows = [makeRow(labels, measured, { side: 1 }), makeRow(labels, measured, { reason: "not here" })];
  const result = finish(rows, { multiplyThenAdd: 40, fusedMultiplyAdd: null, copyBandwidth: 9 });

  it("names machine, load, versions and commit", () => {
    expect(result.machine).toMatchObject({ node: process.versions.node, processors: expect.any(Number) });
    expect(result.load.before).toHaveLength(3);
    expect(result.commit === null || /^[0-9a-f]{40}(\+changes)?$/.test(result.commit)).toBe(true);
  });

  it("is shown with ratio and share of the ceiling", () => {
    const lines = formatTable(result).split("\n");
    expect(lines).toHaveLength(3 + 1 + rows.length);
    expect(lines[4]).toMatch(/gemm-fp32-1024 .* 50 % .* 11 % +4\.50x$/);
    expect(lines[5]).toMatch(/not here/);
  });
});

describe("the results in docs/results", () => {
  const folder = fileURLToPath(new URL("../../../../docs/results/", import.meta.url));
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => /^bench-.*\.json$/.test(name)) : [];

  it("hold together", () => {
    for (const name of files) checkFile(name);
  });

  function checkFile(name: string): void {
    const { suite, command, commit, rows, seconds } = JSON.parse(readFileSync(folder + name, "utf8")) as Result;
    expect(command).toContain(`pnpm bench ${suite}`);
    expect(commit).toMatch(/^[0-9a-f]{40}/);
    expect(seconds).toBeGreaterThan(0);
    expect(rows.map((row) => faultOf(row)).filter(Boolean)).toEqual([]);
  }
});
