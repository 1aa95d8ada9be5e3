import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LayerChoice, paretoFront } from "../../src/index.js";

/** Every combination of one choice for each layer. */
function allCombinations(layers: readonly (readonly LayerChoice[])[]): LayerChoice[] {
  return layers.reduce<LayerChoice[]>(
    (sums, choices) =>
      sums.flatMap((sum) => choices.map(({ cost, loss }) => ({ cost: sum.cost + cost, loss: sum.loss + loss }))),
    [{ cost: 0, loss: 0 }],
  );
}

const whole = fc.record({ cost: fc.integer({ min: 0, max: 30 }), loss: fc.integer({ min: -5, max: 30 }) });
const smallLayers = fc.array(fc.array(whole, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });

describe("paretoFront", () => {
  it("finds what trying every combination finds, for every budget", () =>
    fc.assert(
      fc.property(smallLayers, fc.integer({ min: 0, max: 100 }), (layers, budget) => {
        const { points, isExact } = paretoFront(layers, { budget });
        expect(isExact).toBe(true);
        const fitting = allCombinations(layers).filter(({ cost }) => cost <= budget);
        const isBeaten = (a: LayerChoice) =>
          fitting.some((b) => b.cost <= a.cost && b.loss <= a.loss && (b.cost < a.cost || b.loss < a.loss));
        const best = new Set(fitting.filter((each) => !isBeaten(each)).map(({ cost, loss }) => `${cost} ${loss}`));
        expect(points.map(({ cost, loss }) => `${cost} ${loss}`)).toEqual(
          [...best].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
        );
        for (const { cost, loss, choices } of points) {
          const own = choices.map((choice, i) => layers[i][choice]);
          expect(own.reduce((sum, each) => sum + each.cost, 0)).toBe(cost);
          expect(own.reduce((sum, each) => sum + each.loss, 0)).toBe(loss);
        }
      }),
      { seed: 1, numRuns: 60 },
    ));

  it("stays within the budget and says so where it can't keep all points", () => {
    const layers = Array.from({ length: 12 }, (_, i) =>
      [1, 2, 4, 8].map((bits) => ({ cost: bits * (1 + i * 0.37), loss: (1 + Math.sin(i)) / bits })),
    );
    const [exact, rough] = [paretoFront(layers, { budget: 150 }), paretoFront(layers, { budget: 150, mostPoints: 50 })];
    expect(rough.isExact).toBe(false);
    expect(rough.points.length).toBeLessThanOrEqual(50);
    const last = ({ points }: typeof exact) => points[points.length - 1];
    expect(last(rough).cost).toBeLessThanOrEqual(150);
    expect(last(rough).loss).toBeGreaterThanOrEqual(last(exact).loss);
    expect(last(rough).loss).toBeLessThan(1.02 * last(exact).loss);
  });

  it("is empty where nothing fits, and refuses a layer without choices", () => {
    expect(paretoFront([[{ cost: 2, loss: 0 }]], { budget: 1 }).points).toEqual([]);
    expect(() => paretoFront([[{ cost: 2, loss: 0 }], []])).toThrow("layer 1 has no choices");
    expect(() => paretoFront([[{ cost: 2, loss: Number.NaN }]])).toThrow("a choice that is no number");
  });
});
