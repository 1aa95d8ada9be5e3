import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GridConfiguration } from "../src/config/config.js";
import {
  type Figures,
  parseConfiguration,
  parseWorkload,
  type SimulationReport,
  simulate,
  technologyTable,
} from "../src/index.js";

import { planGrid } from "../src/modes/grid-plan.js";

const convolutions = fc
  .record({
    H: fc.integer({ min: 3, max: 12 }),
    W: fc.integer({ min: 3, max: 12 }),
    C: fc.integer({ min: 1, max: 12 }),
    M: fc.integer({ min: 1, max: 20 }),
    R: fc.integer({ min: 1, max: 3 }),
    S: fc.integer({ min: 1, max: 3 }),
    strideH: fc.integer({ min: 1, max: 4 }),
    strideW: fc.integer({ min: 1, max: 2 }),
    padH: fc.integer({ min: 0, max: 2 }),
    padW: fc.integer({ min: 0, max: 2 }),
    groups: fc.constantFrom(1, 2),
    batch: fc.constantFrom(1, 3),
    wDensity: fc.double({ min: 0, max: 1, noNaN: true }),
    aDensity: fc.double({ min: 0, max: 1, noNaN: true }),
    wBits: fc.constantFrom(2, 4, 8),
    aBits: fc.constantFrom(2, 4, 8),
  })
  .map((sizes) => ({ name: "layer", type: "conv", ...sizes, C: sizes.C * sizes.groups, M: sizes.M * sizes.groups }));

const grid = {
  gridRows: fc.integer({ min: 1, max: 5 }),
  gridColumns: fc.integer({ min: 1, max: 5 }),
  lanes: fc.integer({ min: 1, max: 5 }),
  lookAhead: fc.constantFrom(0, 1, 3),
  queueDepth: fc.integer({ min: 1, max: 3 }),
  synchronisation: fc.constantFrom("lane", "pe", "row", "array"),
  skip: fc.constantFrom("none", "weights", "activations", "both"),
  weightBufferBytes: fc.constantFrom(512, 65_536),
  inputBufferBytes: fc.constantFrom(16_384, 65_536),
  outputBufferBytes: fc.constantFrom(8, 512),
  dramBitsPerCycle: fc.constantFrom(8, 100, 4096),
};
const machines = fc.oneof(
  fc.record({ ...grid, mode: fc.constantFrom("event", "closed") }),
  fc.record({
    mode: fc.constant("systolic"),
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 9 }),
    dataflow: fc.constantFrom("os", "ws", "is"),
    scalesimCompat: fc.boolean(),
    inputBufferBytes: fc.constantFrom(64, 65_536),
    weightBufferBytes: fc.constantFrom(64, 65_536),
    dramBitsPerCycle: fc.constantFrom(8, 100, 4096),
  }),
  fc.record({
    mode: fc.constant("bit-fusion"),
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 9 }),
    dramBitsPerCycle: fc.constantFrom(8, 100, 4096),
  }),
);

const run = (layer: object, machine: object): SimulationReport =>
  simulate(parseWorkload({ layers: [layer, { ...layer, name: "again" }] }), machine as Record<string, unknown>);

const sumOf = (parts: object): number => Object.values(parts).reduce((sum: number, part) => sum + part, 0);

/** Input positions that any output reads, counted one by one. */
function readPositions(length: number, filter: number, stride: number, pad: number): number {
  const read = new Set<number>();
  for (let start = -pad; start + filter <= length + pad; start += stride) {
    for (let at = Math.max(0, start); at < Math.min(length, start + filter); at++) read.add(at);
  }
  return read.size;
}

describe("every report", () => {
  it("has parts that sum up exactly, shares of at most 1, and no work that is both done and skipped", () =>
    fc.assert(
      fc.property(convolutions, machines, (layer, machine) => {
        const { layers, total } = run(layer, machine);
        for (const figures of [...layers, total] as Figures[]) {
          expect(sumOf(figures.cyclesBy)).toBe(figures.cycles);
          for (const part of Object.values(figures.cyclesBy)) {
            expect(Number.isInteger(part)).toBe(true);
            expect(part).toBeGreaterThanOrEqual(0);
          }
          expect(figures.executedMacs + figures.skippedMacs).toBe(figures.macs);
          expect(figures.executedMacs).toBeLessThanOrEqual(figures.macs);
          expect(figures.skippedMacs).toBeGreaterThanOrEqual(0);
          for (const share of [figures.utilisation, figures.mappingUtilisation, figures.busyUtilisation]) {
            expect(share).toBeGreaterThanOrEqual(0);
            expect(share).toBeLessThanOrEqual(1 + 1e-12);
          }
          expect(figures.energyPJ).toBeCloseTo(sumOf(figures.energyByPJ), 3);
        }
        expect(total.cycles).toBe(layers[0].cycles + layers[1].cycles);
      }),
      { seed: 1, numRuns: 300 },
    ));

  it("moves at least what has to be moved", () =>
    fc.assert(
      fc.property(convolutions, machines, (fields, machine) => {
        const { layers } = run(fields, machine);
        const [{ dram, aDensity, wBits, aBits }] = layers;
        const { batch, C, M, groups, H, W, R, S, strideH, strideW, padH, padW } = fields;
        const mode = (machine as { mode: string }).mode;
        const isBitmapped = "skip" in machine && ["activations", "both"].includes(machine.skip as string);
        const inputs = batch * C * readPositions(H, R, strideH, padH) * readPositions(W, S, strideW, padW);
        expect(dram.weightBits).toBeGreaterThanOrEqual(((M * R * S * C) / groups) * wBits);
        expect(dram.inputBits).toBeGreaterThanOrEqual(inputs * (isBitmapped ? 1 + aBits * aDensity : aBits) - 1e-6);
        const rows = Math.floor((H + 2 * padH - R) / strideH) + 1;
        const columns = Math.floor((W + 2 * padW - S) / strideW) + 1;
        expect(dram.outputBits).toBeGreaterThanOrEqual(batch * M * rows * columns * aBits);
        expect(mode).toBeTypeOf("string");
      }),
      { seed: 2, numRuns: 300 },
    ));

  it("has an energy of counts times the table", () => {
    const layer = { name: "layer", type: "gemm", M: 20, N: 30, K: 40, wDensity: 0.5, aDensity: 0.5 };
    const machine = {
      mode: "closed",
      pe: "fp32-ternary",
      nodeNm: 45,
      weightBufferBytes: 16384,
      inputBufferBytes: 16384,
      outputBufferBytes: 2048,
    };
    const { executedMacs, energyByPJ, sram, dram } = run(layer, machine).total;
    expect(energyByPJ.operations).toBeCloseTo(executedMacs * 0.9, 6); // Horowitz: fp32 add
    expect(energyByPJ.dram).toBeCloseTo((dram.totalBits * 1950) / 64, 6);
    const [read, write] = [9.982 / 32, 8.421 / 32]; // CACTI, 16384 bytes
    const sums = (sram.outputBits / 2) * ((1.903 + 3.639) / 32); // 2048 bytes
    const moved = (sram.inputBits + sram.weightBits) * read + (dram.inputBits + dram.weightBits) * write;
    expect(energyByPJ.sram).toBeCloseTo(moved + sums, 3);
  });

  it("lists the rows that it rests on", () => {
    const { technology } = run(
      { name: "layer", type: "gemm", M: 2, N: 3, K: 4 },
      { mode: "closed", pe: "binary", nodeNm: 28 },
    );
    const status = new Map(technology.rows.map(({ row, status: own }) => [row, own]));
    expect(status.get("operations.binary-multiply-accumulate")).toBe("assumed");
    expect(status.get("scaling.28nm")).toBe("derived"); // Stillmaker and Baas have no row for it
    expect(technologyTable("high").scaling.every((row) => row.status === "assumed")).toBe(true);
  });
});

describe("the closed form", () => {
  const gridOnly = fc.record(grid);
  const closed = (layer: object, machine: object): number => run(layer, { ...machine, mode: "closed" }).total.cycles;

  it("takes no longer with larger buffers that cut the layer into the same tiles", () => {
    let same = 0;
    fc.assert(
      fc.property(convolutions, fc.record({ ...grid, mode: fc.constant("closed") }), (fields, machine) => {
        const larger = {
          ...machine,
          weightBufferBytes: machine.weightBufferBytes + 96,
          inputBufferBytes: machine.inputBufferBytes + 640,
        };
        const [layer] = parseWorkload({ layers: [fields] }).layers;
        const tilesOn = (fields: object) => {
          const { steps } = planGrid(layer, parseConfiguration(fields) as GridConfiguration);
          return JSON.stringify(
            steps.map(({ group, pixels, filters, channels }) => [group, pixels, filters, channels]),
          );
        };
        if (tilesOn(machine) !== tilesOn(larger)) return;
        same++;
        expect(run(fields, larger).total.cycles).toBeLessThanOrEqual(run(fields, machine).total.cycles);
      }),
      { seed: 3, numRuns: 100 },
    );
    expect(same).toBeGreaterThan(20);
  });

  it("takes no longer with a faster port", () =>
    fc.assert(
      fc.property(convolutions, gridOnly, fc.integer({ min: 1, max: 5000 }), (layer, machine, more) => {
        const faster = { ...machine, dramBitsPerCycle: machine.dramBitsPerCycle + more };
        expect(closed(layer, faster)).toBeLessThanOrEqual(closed(layer, machine));
      }),
      { seed: 4 },
    ));

  it.each(["wDensity", "aDensity"] as const)("takes no less time with a higher %s", (field) =>
    fc.assert(
      fc.property(convolutions, gridOnly, fc.double({ min: 0, max: 1, noNaN: true }), (layer, machine, share) => {
        const denser = { ...layer, [field]: layer[field] + (1 - layer[field]) * share };
        expect(closed(denser, machine)).toBeGreaterThanOrEqual(closed(layer, machine) - 1); // parts are rounded one by one
      }),
      { seed: 5, numRuns: 300 },
    ),
  );
});
