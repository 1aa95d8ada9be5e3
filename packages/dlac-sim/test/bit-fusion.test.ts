import { describe, expect, it } from "vitest";
import { parseWorkload, simulate } from "../src/index.js";

const square = (name: string, C: number, M: number, side: number, filter: number, bits: number, more: object = {}) => ({
  ...{ name, type: "conv", H: side, W: side, C, M, R: filter, S: filter, batch: 16, wBits: bits, aBits: bits },
  ...{ padH: filter >> 1, padW: filter >> 1, ...more },
});

/** AlexNet twice as wide, as Bit Fusion's benchmarks have it: one of two groups where there are two. */
const layers = {
  conv1: square("conv1", 3, 96, 227, 11, 8, { strideH: 4, strideW: 4, padH: 0, padW: 0 }),
  conv2: square("conv2", 96, 256, 27, 5, 4),
  conv3: square("conv3", 512, 384, 13, 3, 4),
  conv4: square("conv4", 384, 384, 13, 3, 4),
  conv5: square("conv5", 384, 256, 13, 3, 4),
  fc1: square("fc1", 18432, 8192, 1, 1, 4),
  fc2: square("fc2", 8192, 8192, 1, 1, 4),
  fc3: square("fc3", 8192, 1000, 1, 1, 8),
} as const;

const run = (layer: object, more: object = {}) =>
  simulate(parseWorkload({ layers: [layer] }), { mode: "bit-fusion", rows: 16, columns: 32, ...more }).total;

describe("bit-fusion mode", () => {
  // results/bitfusion-eyeriss-sim-sweep.csv: cycles and memory wait cycles of a 16 × 32 array at batch 16
  it.each([
    ["conv1", 4096, 3339626, 26],
    ["conv2", 4096, 4665659, 59],
    ["conv3", 4096, 2336283, 27],
    ["conv4", 4096, 1752219, 27],
    ["conv5", 4096, 1168155, 27],
    ["fc1", 4096, 1179653, 5],
    ["fc2", 4096, 524295, 7],
    ["fc3", 4096, 262148, 4],
    ["conv1", 192, 3746423, 406823],
    ["conv2", 192, 5018849, 1249],
    ["conv3", 192, 3248129, 538625],
    ["conv4", 192, 2436097, 403969],
    ["conv5", 192, 1624065, 269313],
    ["fc1", 192, 3545090, 2365442],
    ["fc2", 192, 1575596, 1051308],
    ["fc3", 192, 398679, 136535],
  ] as const)(
    "AlexNet twice as wide, %s at %d bits a cycle: %d cycles, %d of them waiting",
    (name, port, all, waiting) => {
      const { cycles, cyclesBy, macs } = run(layers[name], {
        dramBitsPerCycle: port,
        im2col: name === "conv1" ? "first" : "never",
      });
      expect(cycles).toBe(all);
      expect(cyclesBy.fill + cyclesBy.drain + cyclesBy.bandwidth).toBe(waiting);
      if (name === "conv2") expect(macs).toBe(7166361600);
      if (name === "fc1") expect(macs).toBe(2415919104);
    },
  );

  it.each([
    [8, 512],
    [4, 2048],
    [2, 8192],
    [3, 2048],
    [1, 8192],
  ])("does at %d bits %d multiply-accumulates a cycle where channels fill the array", (bits, peak) => {
    const { cyclesBy, macs } = run({ ...layers.fc2, wBits: bits, aBits: bits }, { dramBitsPerCycle: 4096 });
    expect(macs / (cyclesBy.compute + cyclesBy.imbalance)).toBe(peak);
  });

  it("runs groups one after the other", () => {
    const grouped = { ...layers.conv2, C: 192, M: 512, groups: 2 };
    expect(run(grouped, { dramBitsPerCycle: 4096 }).cycles).toBe(2 * 4665659);
  });

  it("refuses bits that no unit has", () => {
    expect(() => run({ ...layers.fc2, wBits: 16 })).toThrow(
      /wBits can't be 16[\s\S]*layer "fc2"[\s\S]*from 1 to mostBits, 8/,
    );
  });
});
