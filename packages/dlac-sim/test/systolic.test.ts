import { describe, expect, it } from "vitest";
import {
  parseTopology,
  parseWorkload,
  readScalesimCfg,
  type SystolicConfiguration,
  scalesimReports,
  simulate,
} from "../src/index.js";

const cfg = (dataflow: string, side = 32): string => `[general]
run_name = test

[architecture_presets]
ArrayHeight:    ${side}
ArrayWidth:     ${side}
IfmapSramSzkB:   512
FilterSramSzkB:  512
OfmapSramSzkB:   256
IfmapOffset:    0
FilterOffset:   10000000
OfmapOffset:    20000000
Dataflow : ${dataflow}
Bandwidth : 10
MemoryBanks: 1

[run_presets]
InterfaceBandwidth: CALC
`;
const compatible = (dataflow: string, side?: number) => ({
  ...readScalesimCfg(cfg(dataflow, side)).configuration,
  scalesimCompat: true,
});

// SCALE-Sim's own topology: no padding column, and 224 gives 54.25 positions that it counts as 55
const alexnet = parseTopology(
  `Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1     ,224         ,224        ,11           ,11          ,3       ,96        ,4      ,
`,
  "conv",
);
const product = parseTopology("Layer Name, M, N, K,\nTest 1, 256, 128, 256,", "gemm");

describe("systolic arrays, against SCALE-Sim's own reports", () => {
  it("AlexNet conv1, weight stationary, 32 × 32: 112283 cycles", () => {
    const { layers, total } = simulate(alexnet, compatible("ws"));
    expect(layers[0].macs).toBe(3025 * 96 * 363);
    expect(total.cycles).toBe(112283);
    expect(total.overallUtilisation).toBeCloseTo(91.68309650614964, 12); // test/golden_trace/COMPUTE_REPORT.csv
  });

  // test/general/golden_trace_user_{os,ws,is}: total minus stall cycles
  it.each([
    ["os", 10175],
    ["ws", 11199],
    ["is", 14207],
  ])("GEMM 256 × 128 × 256, %s, 32 × 32: %d cycles", (dataflow, cycles) => {
    expect(simulate(product, compatible(dataflow)).total.cycles).toBe(cycles);
    const own = { ...compatible(dataflow), scalesimCompat: false };
    expect(simulate(product, own).total.cycles).toBe(cycles + 1);
  });

  // edgeTPU_experiment_results: MobileNet 0.25 at 96² on 4 × 4, weight stationary
  it.each([
    ["0: 3 × 3, stride 2", { H: 97, W: 97, C: 3, M: 8, R: 3, S: 3, stride: 2 }, 32395, 96.01481710140453],
    ["2: 1 × 1", { H: 48, W: 48, C: 8, M: 16, R: 1, S: 1, stride: 1 }, 18511, 99.5732267300524],
    ["12: 1 × 1", { H: 6, W: 6, C: 64, M: 128, R: 1, S: 1, stride: 1 }, 23551, 78.26419260328649],
  ])("edge TPU layer %s", (_, { stride, ...sizes }, cycles, utilisation) => {
    const layer = { name: "layer", type: "conv", strideH: stride, strideW: stride, ...sizes };
    const { total } = simulate(parseWorkload({ layers: [layer] }), compatible("ws", 4));
    expect(total.cycles).toBe(cycles);
    expect(total.overallUtilisation).toBeCloseTo(utilisation, 10);
  });

  it("counts output writes of output stationary arrays once, not R + C more for each fold (SCALE-Sim #166)", () => {
    const { total } = simulate(product, compatible("os"));
    expect(total.sram.outputBits).toBe(8 * 256 * 128);
    expect(total.sram.inputBits).toBe(8 * 262144); // golden_trace_user_os/DETAILED_ACCESS_REPORT.csv
    expect(total.sram.weightBits).toBe(8 * 262144);
    const stationary = simulate(product, compatible("ws")).total.sram;
    expect([stationary.inputBits, stationary.weightBits, stationary.outputBits].map((bits) => bits / 8)).toEqual([
      262144, 32768, 262144,
    ]);
  });

  it("rounds output sizes down unless it is to be compatible", () => {
    expect(simulate(alexnet, { ...compatible("ws"), scalesimCompat: false }).total.macs).toBe(54 * 54 * 96 * 363);
  });

  const cells = (report: string | undefined): string[] => (report ?? "").split("\n")[1].split(", ");

  it("writes SCALE-Sim's compute report", () => {
    const report = scalesimReports(alexnet, compatible("ws") as SystolicConfiguration).get("COMPUTE_REPORT.csv");
    expect(report?.split("\n")[0]).toBe(
      "LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, Overall Util %, Mapping Efficiency %, Compute Util %,",
    );
    const [id, , cycles, stalls, ...shares] = cells(report).map(Number.parseFloat);
    expect([id, cycles, stalls]).toEqual([0, 112283, 0]);
    // test/golden_trace/COMPUTE_REPORT.csv
    expect(shares[0]).toBeCloseTo(91.68309650614964, 10);
    expect(shares[1]).toBeCloseTo(94.53125, 10);
    expect(shares[2]).toBeCloseTo(90.78000992063485, 10);
  });

  // golden_trace_user_{os,ws,is}: mapping efficiency 100 in all, compute utilisation as here
  it.each([
    ["os", 80.50314465408806],
    ["ws", 67.19160104986877],
    ["is", 50.59288537549407],
  ])("computes SCALE-Sim's compute utilisation, %s: %d %", (dataflow, utilisation) => {
    const reports = scalesimReports(product, compatible(dataflow) as SystolicConfiguration);
    const [, , , , , mapping, compute] = cells(reports.get("COMPUTE_REPORT.csv")).map(Number.parseFloat);
    expect(mapping).toBe(100);
    expect(compute).toBeCloseTo(utilisation, 10);
  });
});
