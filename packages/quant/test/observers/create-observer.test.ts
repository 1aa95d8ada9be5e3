import { createStream, normal } from "@lowbit/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createObserver, type GridQuestion, observerNames, type ValueRange } from "../../src/index.js";

const free = (levels: number): GridQuestion => ({ levels, anchor: "free" });

function rangeOf(name: string, question: GridQuestion, ...batches: readonly ArrayLike<number>[]): ValueRange {
  const observer = createObserver(name, question);
  for (const batch of batches) observer.observe(batch);
  return observer.range();
}

const bell = (count: number) => normal(count, createStream(7, "observer"));

describe("every observer", () => {
  it.each(observerNames)("%s keeps to its anchor, and scales with the values", (name) => {
    const values = bell(4000).map((x) => x + 0.5);
    const doubled = values.map((x) => 4 * x);
    for (const anchor of ["zero", "symmetric", "free"] as const) {
      const { min, max } = rangeOf(name, { levels: 16, anchor }, values);
      expect(max).toBeGreaterThan(min);
      if (anchor === "zero") expect(min + 0).toBe(0);
      if (anchor === "symmetric") expect(min).toBe(-max);
      expect(min).toBeGreaterThanOrEqual(anchor === "free" ? Math.min(...values) : -Math.max(...values.map(Math.abs)));
      expect(max).toBeLessThanOrEqual(Math.max(...values.map(Math.abs)));
      expect(rangeOf(name, { levels: 16, anchor }, doubled)).toEqual({ min: 4 * min, max: 4 * max });
    }
  });

  it.each(observerNames)("%s gives a grid of some width for nothing, for zeros and for one value", (name) => {
    for (const anchor of ["zero", "symmetric", "free"] as const) {
      for (const batch of [[], [0, 0, 0], [-2.5], [3]]) {
        const { min, max } = rangeOf(name, { levels: 4, anchor }, batch);
        expect(max).toBeGreaterThan(min);
        expect(Math.max(Math.abs(min), Math.abs(max))).toBeLessThan(4);
      }
    }
  });

  it.each(observerNames)("%s refuses what is not finite", (name) => {
    const observer = createObserver(name, free(4));
    expect(() => observer.observe([0, Number.NaN])).toThrow("value 1 of those to observe is NaN");
    expect(() => observer.observe([Number.POSITIVE_INFINITY])).toThrow("value 0 of those to observe is Infinity");
  });

  it.each(["min-max", "percentile:90", "mean-squared-error", "entropy"])("%s sees no borders of batches", (name) => {
    const values = bell(150_000); // more than the sample holds
    const cuts = [0, 1, 70_000, 70_001, 150_000];
    const pieces = cuts.slice(1).map((to, i) => values.subarray(cuts[i], to));
    expect(rangeOf(name, free(16), ...pieces)).toEqual(rangeOf(name, free(16), values));
  });
});

describe("min-max", () => {
  it("ends at the extremes of all batches", () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 }), { minLength: 1 }),
        (batches) => {
          const all = batches.flat();
          const [min, max] = [Math.min(...all), Math.max(...all)];
          fc.pre(max > min);
          expect(rangeOf("min-max", free(4), ...batches)).toEqual({ min, max });
        },
      ),
      { seed: 1, numRuns: 30 },
    ));
});

describe("moving-average", () => {
  it("weighs batch t of T by (1 − m) · m^(T − t), and the first by what is left", () => {
    const tops = [5, 1, 7, 2];
    const m = 0.75;
    const weights = tops.map((_, t) => (t === 0 ? m ** 3 : (1 - m) * m ** (3 - t)));
    expect(weights.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 12);
    const { min, max } = rangeOf(`moving-average:${m}`, free(4), ...tops.map((top) => [top, -2 * top, 0]));
    const mean = tops.reduce((sum, top, t) => sum + weights[t] * top, 0);
    expect(max).toBeCloseTo(mean, 12);
    expect(min).toBeCloseTo(-2 * mean, 12);
  });
});

describe("percentile", () => {
  it("is between two values in proportion, as numpy has it by default", () => {
    // numpy.percentile([1, 2, 3, 4], 75) is 3.25, and of 25 it is 1.75
    expect(rangeOf("percentile:75", free(4), [4, 1, 3, 2])).toEqual({ min: 1.75, max: 3.25 });
    expect(rangeOf("percentile:100", free(4), [4, 1, 3, 2])).toEqual({ min: 1, max: 4 });
  });

  it("of magnitudes where the grid is symmetric", () => {
    const values = Array.from({ length: 101 }, (_, i) => (i % 2 === 0 ? i : -i)); // |x| is 0 … 100
    expect(rangeOf("percentile:90", { levels: 4, anchor: "symmetric" }, values)).toEqual({ min: -90, max: 90 });
  });
});

describe("mean-squared-error", () => {
  // Max, "Quantizing for minimum distortion", IRE Transactions 1960, table II: the step of the best uniform grid for normal values
  it.each([
    [4, 0.9957],
    [8, 0.586],
    [16, 0.3352],
  ])("of normal values on %d levels agrees with Max' step %d", (levels, step) => {
    const { min, max } = rangeOf("mean-squared-error", { levels, anchor: "symmetric" }, bell(60_000));
    expect((max - min) / (levels - 1) / step).toBeGreaterThan(0.94); // ranges are tried in 80 steps, of about 4.3 / 80 each
    expect((max - min) / (levels - 1) / step).toBeLessThan(1.06);
  });
});

describe("entropy", () => {
  /** KL of what a range leaves of the values, told by lists: bins of the whole range, clipped, in `levels` cells. */
  function loss(values: readonly number[], whole: ValueRange, share: number, levels: number): number {
    const bins = 2048;
    const width = (whole.max - whole.min) / bins;
    const binOf = (x: number) => Math.min(bins - 1, Math.max(0, Math.floor((x - whole.min) / width)));
    const zero = (bins * -whole.min) / (whole.max - whole.min);
    const from = Math.round(zero * (1 - share));
    const to = Math.round(zero + (bins - zero) * share);
    const clipped = values.map((x) => Math.min(to - 1, Math.max(from, binOf(x))));
    const kept = values.map(binOf).filter((bin) => bin >= from && bin < to);
    const cell = (bin: number) => Math.floor(((bin - from) * levels) / (to - from));
    const tally = (list: readonly number[]) => {
      const counts = new Map<number, number>();
      for (const each of list) counts.set(each, (counts.get(each) ?? 0) + 1);
      return counts;
    };
    const [p, k, c] = [tally(clipped), tally(kept), tally(kept.map(cell))];
    const filled = tally([...k.keys()].map(cell));
    return [...p].reduce((sum, [bin, count]) => {
      const known = k.has(bin) ? (c.get(cell(bin)) ?? 0) / (filled.get(cell(bin)) ?? 1) / kept.length : 0;
      const q = 0.9999 * known + 1e-4 / (to - from);
      return sum + (count / values.length) * Math.log(count / values.length / q);
    }, 0);
  }

  it.each([4, 16, 256])("takes the range of the least divergence of all that it tries, with %d levels", (levels) => {
    const values = [...bell(3000), 9, -14];
    const whole = { min: Math.min(...values), max: Math.max(...values) };
    const { max } = rangeOf("entropy", free(levels), values);
    const shares = Array.from({ length: 80 }, (_, i) => (i + 1) / 80).filter((share) => 2048 * share >= levels + 1);
    const losses = shares.map((share) => loss(values, whole, share, levels));
    const best = shares[losses.lastIndexOf(Math.min(...losses))];
    expect(max).toBeCloseTo(whole.max * best, 9);
  });

  it("keeps all of an even distribution, and lets a lone outlier go", () => {
    const even = Array.from({ length: 8192 }, (_, i) => (i + 0.5) / 8192);
    expect(rangeOf("entropy", { levels: 16, anchor: "zero" }, even).max).toBeGreaterThan(0.97);
    const range = rangeOf("entropy", { levels: 128, anchor: "zero" }, [...bell(20_000).map(Math.abs), 60]);
    expect(range.max).toBeLessThan(15);
  });
});

describe("a name that is none", () => {
  it.each([
    ["percentle", "did you mean percentile?"],
    ["percentile:20", "a percentile above 50, at most 100"],
    ["moving-average:1", "a momentum from 0, below 1"],
    ["entropy:3", "entropy alone: it takes no number"],
    ["toString", "one of min-max"],
  ])("%s: %s", (name, want) => {
    expect(() => createObserver(name, free(4))).toThrow(want);
  });

  it("and grids of one level are refused", () => {
    expect(() => createObserver("min-max", free(1))).toThrow("a grid can't have 1 levels");
  });
});
