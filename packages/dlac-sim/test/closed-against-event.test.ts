import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLOSED_FORM_BOUND, parseWorkload, simulate } from "../src/index.js";

const machines = fc.record({
  gridRows: fc.integer({ min: 1, max: 8 }),
  gridColumns: fc.integer({ min: 1, max: 8 }),
  lanes: fc.constantFrom(1, 2, 4, 8),
  lookAhead: fc.constantFrom(0, 0, 2, 4, 8),
  queueDepth: fc.constantFrom(1, 1, 2, 4),
  synchronisation: fc.constantFrom("lane", "pe", "row", "array"),
  skip: fc.constantFrom("none", "weights", "activations", "both"),
  weightBufferBytes: fc.constantFrom(4096, 65_536),
  inputBufferBytes: fc.constantFrom(16_384, 262_144),
  outputBufferBytes: fc.constantFrom(64, 1024),
  outputBanks: fc.constantFrom(1, 2),
  dramBitsPerCycle: fc.constantFrom(16, 256, 4096),
  seed: fc.integer({ min: 0, max: 1000 }),
});

const convolutions = fc
  .record({
    size: fc.integer({ min: 4, max: 14 }),
    filter: fc.constantFrom(1, 3),
    stride: fc.constantFrom(1, 2),
    channels: fc.integer({ min: 4, max: 48 }),
    filters: fc.integer({ min: 4, max: 48 }),
    groups: fc.constantFrom(1, 1, 2),
  })
  .map(({ size, filter, stride, channels, filters, groups }) => ({
    ...{ type: "conv", H: size, W: size, R: filter, S: filter, strideH: stride, strideW: stride, groups },
    ...{ C: channels * groups, M: filters * groups, padH: filter >> 1, padW: filter >> 1 },
  }));
const products = fc
  .record({
    M: fc.integer({ min: 1, max: 20 }),
    N: fc.integer({ min: 1, max: 100 }),
    K: fc.integer({ min: 16, max: 600 }),
  })
  .map((sizes) => ({ type: "gemm", ...sizes }));
const layers = fc.oneof(convolutions, products);
const densities = fc.record({
  wDensity: fc.constantFrom(0.1, 0.3, 0.5, 0.8, 1),
  aDensity: fc.constantFrom(0.1, 0.4, 0.6, 0.9, 1),
});

const cyclesOf = (layer: object, machine: object, mode: string): number =>
  simulate(parseWorkload({ layers: [{ name: "layer", ...layer }] }), { ...machine, mode }).total.cycles;

describe("the closed form", () => {
  it("equals the event model exactly where nothing is zero", () =>
    fc.assert(
      fc.property(layers, machines, (layer, machine) => {
        expect(cyclesOf(layer, machine, "closed")).toBe(cyclesOf(layer, machine, "event"));
      }),
      { seed: 1, numRuns: 150 },
    ));

  const errorOf = (layer: object, machine: { readonly seed: number }): number => {
    const seeds = [0, 1, 2].map((each) => machine.seed + each); // one draw of a small layer tells little about the mean
    const event = seeds.map((seed) => cyclesOf(layer, { ...machine, seed }, "event"));
    return cyclesOf(layer, machine, "closed") / (event.reduce((sum, cycles) => sum + cycles) / event.length) - 1;
  };

  it(`is within ${100 * CLOSED_FORM_BOUND} % of the event model over random machines, layers and densities, and mostly within 5 %`, () => {
    const errors: number[] = [];
    fc.assert(
      fc.property(layers, densities, machines, (layer, density, machine) => {
        fc.pre(isLargeEnough(layer, density, machine));
        const error = Math.abs(errorOf({ ...layer, ...density }, machine));
        errors.push(error);
        expect(error).toBeLessThan(CLOSED_FORM_BOUND);
      }),
      { seed: 2, numRuns: 200 },
    );
    expect(errors.filter((error) => error < 0.05).length / errors.length).toBeGreaterThan(0.9);
  });
});

/**
 * What the bound is told for: 16 positions of a lane, 4 of them with work; 16 outputs for each element; and 3000 values of either
 * operand that are not zero, since a draw of fewer misses its density by more than the bound.
 */
function isLargeEnough(
  layer: Readonly<Record<string, unknown>>,
  { wDensity, aDensity }: { readonly wDensity: number; readonly aDensity: number },
  machine: { readonly lanes: number; readonly gridRows: number; readonly gridColumns: number },
): boolean {
  const { H, strideH, M, N, R, S, C, K, groups } = layer as Readonly<Record<string, number>>;
  const side = Math.ceil(H / strideH);
  const [window, outputs] = layer.type === "conv" ? [(R * S * C) / groups, (side * side * M) / groups] : [K, M * N];
  const { lanes, gridRows, gridColumns } = machine;
  const positions = window / lanes;
  const inputs = layer.type === "conv" ? H * H * C : M * K;
  const values = Math.min(inputs * aDensity, window * (layer.type === "conv" ? M : N) * wDensity);
  return (
    values >= 3000 && positions >= 16 && positions * wDensity * aDensity >= 4 && outputs >= 16 * gridRows * gridColumns
  );
}
