import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventRun, type GridConfiguration, parseConfiguration, parseWorkload, runEvent } from "../src/index.js";
import { convolve } from "./oracles/convolve.js";

const machineOf = (fields: object = {}): GridConfiguration =>
  parseConfiguration({ mode: "event", ...fields }) as GridConfiguration;

/** Whole numbers with many zeros. */
const values = (length: number) => fc.array(fc.integer({ min: -3, max: 3 }), { minLength: length, maxLength: length });

const convolutions = fc
  .record({
    H: fc.integer({ min: 3, max: 9 }),
    W: fc.integer({ min: 3, max: 9 }),
    C: fc.integer({ min: 1, max: 6 }),
    M: fc.integer({ min: 1, max: 9 }),
    R: fc.integer({ min: 1, max: 3 }),
    S: fc.integer({ min: 1, max: 3 }),
    strideH: fc.integer({ min: 1, max: 3 }),
    strideW: fc.integer({ min: 1, max: 2 }),
    padH: fc.integer({ min: 0, max: 2 }),
    padW: fc.integer({ min: 0, max: 2 }),
    groups: fc.constantFrom(1, 2, 3),
    batch: fc.constantFrom(1, 2),
  })
  .map((sizes) => ({ ...sizes, C: sizes.C * sizes.groups, M: sizes.M * sizes.groups }));

const machines = fc.record({
  gridRows: fc.integer({ min: 1, max: 4 }),
  gridColumns: fc.integer({ min: 1, max: 4 }),
  lanes: fc.integer({ min: 1, max: 5 }),
  lookAhead: fc.constantFrom(0, 1, 2, 5),
  queueDepth: fc.integer({ min: 1, max: 3 }),
  synchronisation: fc.constantFrom("lane", "pe", "row", "array"),
  skip: fc.constantFrom("none", "weights", "activations", "both"),
  weightBufferBytes: fc.constantFrom(1024, 65_536),
  inputBufferBytes: fc.constantFrom(16_384, 65_536),
  outputBufferBytes: fc.constantFrom(8, 512),
});

describe("the event model", () => {
  it("computes the reference convolution exactly, whatever it skips and however it is cut", () =>
    fc.assert(
      fc.property(
        convolutions,
        machines,
        fc.infiniteStream(fc.integer({ min: -3, max: 3 })),
        (sizes, machine, stream) => {
          const take = (length: number): number[] => Array.from({ length }, () => stream.next().value as number);
          const [layer] = parseWorkload({ layers: [{ name: "layer", type: "conv", ...sizes }] }).layers;
          const inputs = take(sizes.batch * sizes.C * sizes.H * sizes.W);
          const weights = take((sizes.M * sizes.R * sizes.S * sizes.C) / sizes.groups);
          const { outputs } = runEvent(layer, machineOf(machine), { values: { inputs, weights }, withOutputs: true });
          expect([...(outputs as Float64Array)]).toEqual(convolve(inputs, weights, sizes));
        },
      ),
      { seed: 1, numRuns: 150 },
    ));

  it("computes a product exactly", () => {
    const [layer] = parseWorkload({ layers: [{ name: "product", type: "gemm", M: 3, N: 2, K: 4 }] }).layers;
    const inputs = [1, 0, 2, 3, 0, 0, 1, 1, 4, 0, 0, 0];
    const weights = [1, 1, 1, 1, 0, 5, -1, 2];
    const run = runEvent(layer, machineOf({ gridRows: 2, gridColumns: 2, lanes: 3 }), {
      values: { inputs, weights },
      withOutputs: true,
    });
    expect([...(run.outputs as Float64Array)]).toEqual([6, 4, 2, 1, 4, 0]);
  });

  it("counts exactly the pairs of which neither is zero", () => {
    const [layer] = parseWorkload({ layers: [{ name: "product", type: "gemm", M: 1, N: 1, K: 6 }] }).layers;
    const run = (skip: string): EventRun =>
      runEvent(layer, machineOf({ skip, lanes: 2 }), {
        values: { inputs: [1, 0, 1, 0, 1, 1], weights: [0, 0, 1, 1, 1, 1] },
      });
    expect(["none", "weights", "activations", "both"].map((skip) => run(skip).executedMacs)).toEqual([6, 4, 4, 3]);
  });

  // One element, two lanes: even positions have 4 with work, odd ones 1. An output after the other has the lanes the other way round.
  it("shows what waiting costs: lanes apart, together, and with a queue between them", () => {
    const [layer] = parseWorkload({ layers: [{ name: "product", type: "gemm", M: 4, N: 1, K: 8 }] }).layers;
    const even = [1, 1, 1, 0, 1, 0, 1, 0];
    const odd = [1, 1, 0, 1, 0, 1, 0, 1];
    const inputs = [...even, ...odd, ...even, ...odd];
    const busy = (fields: object): number => {
      const { cyclesBy } = runEvent(layer, machineOf({ gridRows: 1, gridColumns: 1, lanes: 2, ...fields }), {
        values: { inputs, weights: Array(8).fill(1) },
      });
      return cyclesBy.compute + cyclesBy.imbalance + cyclesBy.synchronisation;
    };
    expect(busy({ synchronisation: "lane" })).toBe(10); // 4 + 1 + 4 + 1
    expect(busy({ synchronisation: "pe" })).toBe(16); // 4 outputs of 4
    expect(busy({ synchronisation: "pe", queueDepth: 2 })).toBeLessThan(16);
    expect(busy({ synchronisation: "pe", queueDepth: 4 })).toBe(10);
  });

  it.each([
    [0, 2],
    [1, 8],
    [2, 5], // _ 1 | _ _ | _ _ | 1 | _: wait for nothing, move two at a time
    [4, 4], // 1 | none of four | 1 | the last one
  ])("with a look-ahead of %d takes %d cycles to find two of eight", (lookAhead, cycles) => {
    const [layer] = parseWorkload({ layers: [{ name: "product", type: "gemm", M: 1, N: 1, K: 8 }] }).layers;
    const { cyclesBy } = runEvent(layer, machineOf({ gridRows: 1, gridColumns: 1, lanes: 1, lookAhead }), {
      values: { inputs: [0, 1, 0, 0, 0, 0, 1, 0], weights: Array(8).fill(1) },
    });
    expect(cyclesBy.compute + cyclesBy.imbalance).toBe(cycles);
  });

  it("without look-ahead takes less time for masks that have more zeros, wherever they are", () =>
    fc.assert(
      fc.property(
        values(60),
        values(40),
        fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
        machines,
        (inputs, weights, kept, machine) => {
          const [layer] = parseWorkload({ layers: [{ name: "product", type: "gemm", M: 6, N: 4, K: 10 }] }).layers;
          const fewer = inputs.map((value, index) => (kept[index] ? value : 0));
          const cyclesOf = (own: number[]): number => {
            const { cyclesBy } = runEvent(layer, machineOf({ ...machine, lookAhead: 0 }), {
              values: { inputs: own, weights },
            });
            return cyclesBy.compute + cyclesBy.imbalance + cyclesBy.synchronisation;
          };
          expect(cyclesOf(fewer)).toBeLessThanOrEqual(cyclesOf(inputs));
        },
      ),
      { seed: 2 },
    ));

  it("states the error of sampled tiles, and keeps to it", () => {
    const [layer] = parseWorkload({
      layers: [
        {
          name: "layer",
          type: "conv",
          H: 28,
          W: 28,
          C: 32,
          M: 64,
          R: 3,
          S: 3,
          padH: 1,
          padW: 1,
          wDensity: 0.5,
          aDensity: 0.4,
        },
      ],
    }).layers;
    const fields = { gridRows: 4, gridColumns: 4, outputBufferBytes: 128, dramBitsPerCycle: 65536 };
    const total = ({ cyclesBy }: EventRun): number => Object.values(cyclesBy).reduce((sum, part) => sum + part, 0);
    const whole = runEvent(layer, machineOf(fields));
    const part = runEvent(layer, machineOf({ ...fields, sampledTiles: 20 }));
    expect(whole.samplingError).toBeUndefined();
    expect(part.samplingError).toBeGreaterThan(0);
    expect(part.samplingError).toBeLessThan(0.05);
    expect(Math.abs(total(part) / total(whole) - 1)).toBeLessThan(4 * (part.samplingError as number));
  });

  it("refuses values that are not the layer's", () => {
    const [layer] = parseWorkload({ layers: [{ name: "product", type: "gemm", M: 1, N: 1, K: 6 }] }).layers;
    expect(() => runEvent(layer, machineOf(), { values: { inputs: [1], weights: [1, 1, 1, 1, 1, 1] } })).toThrow(
      /inputs can't be 1 values[\s\S]*want {3}6 values/,
    );
  });
});
