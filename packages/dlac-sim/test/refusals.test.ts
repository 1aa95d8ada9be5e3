import { describe, expect, it } from "vitest";
import {
  parseConfiguration,
  parseTechnology,
  parseTopology,
  parseWorkload,
  readScalesimCfg,
  simulate,
  technologyTable,
} from "../src/index.js";

const conv = { name: "conv1", type: "conv", H: 8, W: 8, C: 4, M: 4, R: 3, S: 3 };
const workload = (layer: object) => () => parseWorkload({ layers: [conv, layer] }, "net.json");

describe("what is refused, and how", () => {
  it.each([
    ["no layers", () => parseWorkload({ layers: [] }, "net.json"), /layers can't be \[\][\s\S]*at least one layer/],
    ["an unknown type", workload({ ...conv, type: "pool" }), /layers\[1\]\.type[\s\S]*"conv" or "gemm"/],
    [
      "a missing field",
      workload({ ...conv, R: undefined }),
      /layers\[1\]\.R is missing[\s\S]*net\.json, layers\[1\]\.R[\s\S]*from 1 to/,
    ],
    ["an unknown field", workload({ ...conv, pad: 1 }), /no field "layers\[1\]\.pad"/],
    ["half a channel", workload({ ...conv, C: 1.5 }), /layers\[1\]\.C can't be 1\.5/],
    ["a density above 1", workload({ ...conv, aDensity: 1.2 }), /aDensity can't be 1\.2[\s\S]*from 0 to 1/],
    [
      "groups that don't divide",
      workload({ ...conv, groups: 3 }),
      /C can't be 4[\s\S]*"conv1"[\s\S]*a multiple of groups, 3/,
    ],
    ["a filter larger than the image", workload({ ...conv, R: 9 }), /R can't be 9[\s\S]*from 1 to 8/],
    ["a layer beyond counting", workload({ ...conv, H: 2 ** 24, W: 2 ** 24, C: 2 ** 24, M: 2 ** 24 }), /MACs can't be/],
    [
      "no mode",
      () => parseConfiguration({}, "machine.json"),
      /mode[\s\S]*"event", "closed", "systolic" or "bit-fusion"/,
    ],
    ["a mode that is none", () => parseConfiguration({ mode: "closd" }), /mode[\s\S]*"event", "closed"/],
    ["no rows", () => parseConfiguration({ mode: "systolic", columns: 4 }), /rows is missing[\s\S]*from 1 to 65536/],
    [
      "too many lanes",
      () => parseConfiguration({ mode: "closed", lanes: 5000 }),
      /lanes can't be 5000[\s\S]*from 1 to 1024/,
    ],
    ["a field of another mode", () => parseConfiguration({ mode: "closed", rows: 4 }), /no field "rows"/],
    [
      "a node without a row",
      () => simulate(parseWorkload({ layers: [conv] }), { mode: "closed", nodeNm: 3 }),
      /nodeNm can't be 3[\s\S]*from 7 to 45/,
    ],
    [
      "a buffer that holds nothing",
      () => simulate(parseWorkload({ layers: [conv] }), { mode: "closed", weightBufferBytes: 1 }),
      /weightBufferBytes can't be 1[\s\S]*layer "conv1"/,
    ],
  ])("%s", (_, act, message) => {
    expect(act).toThrow(message);
  });

  it.each([
    ["an empty topology", "Layer name, …\n", "conv", /no layer in this topology/],
    [
      "a row that is short",
      "header\nConv1, 224, 224, 11,\n",
      "conv",
      /a row of 4 values[\s\S]*line 2[\s\S]*--workload-kind gemm/,
    ],
    [
      "a word for a number",
      "header\n\nConv1, 8, 8, 3, x, 3, 4, 1,\n",
      "conv",
      /filter width can't be "x"[\s\S]*line 3 \("Conv1"\)/,
    ],
    ["a size of 0", "header\nfc, 0, 3, 4,\n", "gemm", /M can't be "0"[\s\S]*from 1 to/],
    ["a filter larger than the image", "header\nConv1, 4, 4, 5, 5, 3, 4, 1,\n", "conv", /R can't be 5[\s\S]*line 2/],
  ] as const)("%s", (_, text, kind, message) => {
    expect(() => parseTopology(text, kind, "net.csv")).toThrow(message);
  });

  it.each([
    ["no section", "ArrayHeight: 4", /no field of a section[\s\S]*line 1/],
    ["another section alone", "[general]\nrun_name = a", /\[architecture_presets\] is missing/],
    ["no height", "[architecture_presets]\nArrayWidth: 4\nDataflow: ws", /ArrayHeight is missing/],
    [
      "another dataflow",
      "[architecture_presets]\nArrayHeight: 4\nArrayWidth: 4\nDataflow: rs",
      /Dataflow can't be "rs"[\s\S]*os, ws or is/,
    ],
  ])("a .cfg with %s", (_, text, message) => {
    expect(() => readScalesimCfg(text, "scale.cfg")).toThrow(message);
  });

  it("a technology row without a citation or a status", () => {
    const table = technologyTable("nominal");
    const without = (field: string) => {
      const { [field]: _, ...row } = table.operations["fp32-add"] as Record<string, unknown>;
      return () => parseTechnology({ ...table, operations: { "fp32-add": row } }, "mine.json");
    };
    expect(without("citation")).toThrow(/operations\.fp32-add\.citation is missing/);
    expect(without("status")).toThrow(/operations\.fp32-add\.status is missing[\s\S]*source, derived or assumed/);
  });
});

describe("SCALE-Sim's files as they are", () => {
  const cfg = `[general]
run_name = GoogleTPU_v1_ws

[architecture_presets]
ArrayHeight:    256
ArrayWidth:     256
IfmapSramSzkB:    6144
FilterSramSzkB:   6144
OfmapSramSzkB:    2048
IfmapOffset:    0
FilterOffset:   10000000
OfmapOffset:    20000000
Dataflow : ws
Bandwidth : 10
MemoryBanks: 1
IfmapCustomLayout: True

[sparsity]
SparsitySupport : false

[run_presets]
InterfaceBandwidth: USER `;

  it("reads a configuration, and names what it does not use", () => {
    const { configuration, warnings } = readScalesimCfg(cfg, "google.cfg");
    expect(configuration).toMatchObject({
      mode: "systolic",
      name: "GoogleTPU_v1_ws",
      rows: 256,
      columns: 256,
      dataflow: "ws",
    });
    expect(configuration).toMatchObject({
      inputBufferBytes: 6144 * 1024,
      outputBufferBytes: 2048 * 1024,
      dramBitsPerCycle: 80,
    });
    expect(warnings).toEqual([
      "google.cfg: the section [sparsity] is not used",
      "google.cfg: [architecture_presets] ifmapcustomlayout are not used",
    ]);
    expect(readScalesimCfg(cfg.replace("USER ", "CALC")).configuration.dramBitsPerCycle).toBeUndefined();
  });

  it("reads strides of one and of two numbers, sparsity, carriage returns, and rows without a last comma", () => {
    const rows = [
      "a, 9, 8, 3, 2, 4, 6, 2,",
      "b, 9, 8, 3, 2, 4, 6, 2, 1,",
      "c, 9, 8, 3, 2, 4, 6, 2, 2:4,",
      "d, 9, 8, 3, 2, 4, 6, 2, 3",
    ];
    const { layers } = parseTopology(`header,\r\n${rows.join("\r\n")}`, "conv");
    expect(layers.map(({ name, wDensity }) => [name, wDensity])).toEqual([
      ["a", 1],
      ["b", 1],
      ["c", 0.5],
      ["d", 1],
    ]);
    expect(layers[0]).toMatchObject({
      type: "conv",
      H: 9,
      W: 8,
      R: 3,
      S: 2,
      C: 4,
      M: 6,
      strideH: 2,
      strideW: 2,
      padH: 0,
      padW: 0,
    });
    expect(layers[1]).toMatchObject({ strideH: 2, strideW: 1 });
    expect(layers[3]).toMatchObject({ strideH: 2, strideW: 3 });
  });

  it("passes over blank lines, rows of commas, a byte order mark and commas at the end", () => {
    const { layers } = parseTopology(
      "\uFEFF\n \nLayer, M, N, K,\r\n,,,,\r\n a , 4, 5 ,6,,,\r\n\r\nb,1,2,3,1:2,\r\n\n",
      "gemm",
    );
    expect(layers).toMatchObject([
      { name: "a", type: "gemm", M: 4, N: 5, K: 6, wDensity: 1 },
      { name: "b", type: "gemm", M: 1, N: 2, K: 3, wDensity: 0.5 },
    ]);
  });

  it.each([
    ["gemm", "a, 4, 5, 6, 8,", /line 2 \("a"\)[\s\S]*M, N, K, sparsity/], // a batch: independent products, one after the other
    ["conv", "a, 9, 8, 3, 2, 4, 6, 2, 3, 1,", /row of 10 values[\s\S]*stride width, sparsity/],
  ] as const)("refuses values that it would not use: %s", (kind, row, message) => {
    expect(() => parseTopology(`header\n${row}`, kind)).toThrow(message);
  });

  it("makes a layer of each channel of a depth-wise row", () => {
    const { layers } = parseTopology("header\nDPConv, 8, 8, 3, 3, 5, 1, 1,", "conv");
    expect(layers.map(({ name }) => name)).toEqual([0, 1, 2, 3, 4].map((channel) => `DPConvChannel_${channel}`));
    expect(layers[0]).toMatchObject({ C: 1, M: 1 });
  });
});
