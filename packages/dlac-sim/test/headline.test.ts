import { describe, expect, it } from "vitest";
import { parseWorkload, simulate } from "../src/index.js";

/** A layer that fills the default grid, with work for one multiply-accumulate in `gain`. */
const dense = { name: "layer", type: "gemm", M: 4096, N: 512, K: 4096 };

/** TFLOP/mm² of a core that is never idle and skips so much. */
function headline(machine: object, gain = 3): number {
  const { area, configuration } = simulate(parseWorkload({ layers: [dense] }), { mode: "closed", ...machine });
  const { frequencyMHz, gridRows, gridColumns, lanes } = configuration as unknown as Record<string, number>;
  return (2 * frequencyMHz * 1e6 * gridRows * gridColumns * lanes * gain) / area.coreMM2 / 1e12;
}

describe("dLAC's headline by the default machine", () => {
  it("is 1 TFLOP/mm² fp32-equivalent and 2 at fp16", () => {
    expect(headline({ pe: "fp32-ternary" })).toBeCloseTo(1, 2);
    expect(headline({ pe: "fp16-ternary" })).toBeCloseTo(2, 2);
  });

  it("rests on areas at 14 nm of 711, 2020 and 231 µm²", () => {
    const laneArea = (pe: string): number => {
      const { area } = simulate(parseWorkload({ layers: [dense] }), { mode: "closed", pe });
      return (area.byMM2.arithmetic * 1e6) / (16 * 16 * 8);
    };
    expect(laneArea("fp32-ternary")).toBeCloseTo(711, 0);
    expect(laneArea("fp32")).toBeCloseTo(2020, 0);
    expect(laneArea("fp16-ternary")).toBeCloseTo(231, 0);
    expect(laneArea("fp32") / 2000).toBeCloseTo(1.01, 2);
    expect(laneArea("fp32-ternary") / 2000).toBeCloseTo(0.36, 2);
  });

  // docs/dlac-headline.md
  it.each([
    [{ otherAreaUM2PerLane: 125 }, 3, 1.15],
    [{ otherAreaUM2PerLane: 498 }, 3, 0.79],
    [{ frequencyMHz: 320 }, 3, 2],
    [{}, 1, 0.33],
    [{ nodeNm: 20 }, 3, 0.85],
    [{ nodeNm: 10 }, 3, 1.44],
  ])("with %j and a gain of %d it is %d", (machine, gain, density) => {
    expect(headline(machine, gain)).toBeCloseTo(density, 1.7);
  });

  it("is what a report tells of a layer that keeps it busy", () => {
    const { throughput, total } = simulate(parseWorkload({ layers: [{ ...dense, wDensity: 0.5, aDensity: 2 / 3 }] }), {
      mode: "closed",
      dramBitsPerCycle: 65536,
    });
    expect(total.macs / total.executedMacs).toBeCloseTo(3, 3);
    expect(throughput.denseEquivalentTOPSPerMM2).toBeCloseTo(headline({}) * total.utilisation, 3);
    expect(total.utilisation).toBeGreaterThan(0.8);
  });
});

describe("zero skipping", () => {
  const speedUp = (layer: object, machine: object): number => {
    const cycles = (skip: string): number => {
      const { cyclesBy } = simulate(parseWorkload({ layers: [{ ...dense, ...layer }] }), {
        mode: "event",
        ...machine,
        skip,
      }).total;
      return cyclesBy.compute + cyclesBy.imbalance + cyclesBy.synchronisation;
    };
    return cycles("none") / cycles((machine as { skip: string }).skip);
  };
  const lanes = { gridRows: 1, gridColumns: 1, lanes: 16, skip: "activations" };
  const layer = { M: 200, N: 1, K: 16 * 27, aDensity: 0.56 };

  // Cnvlutin: 44 % zero activations give 1.37x where lanes wait for each other, 1.79x where they don't
  it("one-sided and lane-synchronised gains less than independent lanes, as Cnvlutin's 1.37 against 1.79", () => {
    const together = speedUp(layer, { ...lanes, synchronisation: "pe" });
    const apart = speedUp(layer, { ...lanes, synchronisation: "lane" });
    expect(together).toBeGreaterThan(1.25);
    expect(together).toBeLessThan(1.5);
    expect(apart).toBeGreaterThan(1.6);
    expect(apart).toBeLessThan(1.0 / 0.56 + 0.01);
  });

  it("two-sided executes dense · weight density · activation density, when independent", () => {
    const zeros = { ...dense, M: 256, N: 64, K: 512, wDensity: 0.4, aDensity: 0.5 };
    const { macs, executedMacs } = simulate(parseWorkload({ layers: [zeros] }), { mode: "event" }).total;
    expect(executedMacs / macs).toBeCloseTo(0.2, 2);
  });
});

describe("Eyeriss on AlexNet", () => {
  // 168 elements, 65 nm, 200 MHz, batch 4; MACs in millions of the batch, time and active elements as published
  it.each([
    ["conv1", 421.66, 16.5, 154],
    ["conv2", 895.79, 39.2, 135],
    ["conv3", 598.1, 21.8, 156],
    ["conv4", 448.6, 16.0, 156],
    ["conv5", 299.0, 10.0, 156],
  ])(
    "%s: a grid of that many lanes is never faster than its multiply-accumulates allow",
    (_, millions, milliseconds, active) => {
      const K = 1000;
      const product = {
        name: "layer",
        type: "gemm",
        M: active * 10,
        N: Math.round((millions * 1e6) / (active * 10 * K)),
        K,
      };
      const machine = {
        mode: "closed",
        gridRows: active,
        gridColumns: 1,
        lanes: 1,
        skip: "none",
        frequencyMHz: 200,
        pe: "int8",
      };
      const { throughput, total } = simulate(parseWorkload({ layers: [product] }), machine);
      expect(throughput.latencyMs).toBeGreaterThanOrEqual((total.macs / (active * 200e6)) * 1e3 * (1 - 1e-9));
      expect(milliseconds).toBeGreaterThan(((millions * 1e6) / (active * 200e6)) * 1e3);
    },
  );
});
