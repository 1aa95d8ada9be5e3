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

describe("Deep compression's AlexNet (Han et al., 2015)", () => {
  // weight density, density of the layer's output, share of the multiply-accumulates that are left
  const pruned = [
    ["conv1", { H: 227, W: 227, C: 3, M: 96, R: 11, S: 11, strideH: 4, strideW: 4 }, 0.84, 0.88, 0.84],
    ["conv2", { H: 27, W: 27, C: 96, M: 256, R: 5, S: 5, padH: 2, padW: 2, groups: 2 }, 0.38, 0.52, 0.33],
    ["conv3", { H: 13, W: 13, C: 256, M: 384, R: 3, S: 3, padH: 1, padW: 1 }, 0.35, 0.37, 0.18],
    ["conv4", { H: 13, W: 13, C: 384, M: 384, R: 3, S: 3, padH: 1, padW: 1, groups: 2 }, 0.37, 0.4, 0.14],
    ["conv5", { H: 13, W: 13, C: 384, M: 256, R: 3, S: 3, padH: 1, padW: 1, groups: 2 }, 0.37, 0.34, 0.14],
    ["fc1", { H: 1, W: 1, C: 9216, M: 4096, R: 1, S: 1 }, 0.09, 0.36, 0.03],
    ["fc2", { H: 1, W: 1, C: 4096, M: 4096, R: 1, S: 1 }, 0.09, 0.4, 0.03],
    ["fc3", { H: 1, W: 1, C: 4096, M: 1000, R: 1, S: 1 }, 0.25, 0.38, 0.1],
  ] as const;
  const layers = pruned.map(([name, sizes, wDensity], i) => {
    const aDensity = i === 0 ? 1 : pruned[i - 1][3]; // what a layer reads is what the one before it wrote; images are dense
    return { name, type: "conv", ...sizes, wDensity, aDensity };
  });
  const { layers: reports } = simulate(parseWorkload({ layers }), { mode: "closed" });

  it.each(pruned.map(([name, , , , share], i) => [name, share, i] as const))(
    "%s executes %d of its work",
    (_, share, i) => {
      const { macs, executedMacs, cycles, cyclesBy } = reports[i];
      expect(Math.abs(executedMacs / macs - share)).toBeLessThan(0.009); // printed with two digits, .148 as .14
      expect(cycles - cyclesBy.fill - cyclesBy.drain).toBeGreaterThanOrEqual(executedMacs / (16 * 16 * 8));
    },
  );
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
