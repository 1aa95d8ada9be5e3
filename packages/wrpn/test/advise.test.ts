import { describe, expect, it } from "vitest";
import { advise, type Candidate } from "../src/index.js";

const candidate = (width: number, precision: string, relativeCost: number): Candidate => ({
  width,
  precision,
  relativeCost,
  packedBytes: 1000 * relativeCost,
  memoryBytes: 2000 * relativeCost,
});
const candidates = [
  candidate(1, "fp32", 1),
  candidate(1, "w4a4", 0.13),
  candidate(1, "w1a1", 0.06),
  candidate(2, "w4a4", 0.5),
  candidate(2, "w2a2", 0.27),
  candidate(3, "w2a2", 0.6),
];
const measure = (width: number, precision: string, accuracy: number, source = "study.json") => ({
  width,
  precision,
  accuracy,
  source,
});
const pairs = (list: readonly { width: number; precision: string }[]) =>
  list.map(({ width, precision }) => `${width}x ${precision}`);

describe("advise", () => {
  it("ranks by cost where nothing was measured, and says so", () => {
    const advice = advise(candidates, { relativeCost: 0.5 });
    expect(pairs(advice)).toEqual(["1x w1a1", "1x w4a4", "2x w2a2", "2x w4a4"]);
    expect(advice.every(({ rankedBy, accuracy }) => rankedBy === "cost" && accuracy === undefined)).toBe(true);
  });

  it("puts what was measured first, the most accurate first, of equals the cheaper; means over runs", () => {
    const measured = [
      measure(2, "w4a4", 90),
      measure(2, "w4a4", 92, "other.json"),
      measure(2, "w2a2", 91),
      measure(1, "w4a4", 89),
      measure(1, "fp32", 99),
    ];
    const advice = advise(candidates, { relativeCost: 0.5 }, measured);
    expect(pairs(advice)).toEqual(["2x w2a2", "2x w4a4", "1x w4a4", "1x w1a1"]);
    expect(advice[1]).toMatchObject({ accuracy: 91, rankedBy: "accuracy", sources: ["study.json", "other.json"] });
    expect(advice[3].rankedBy).toBe("cost");
  });

  it("keeps within all budgets at once", () => {
    expect(pairs(advise(candidates, { packedBytes: 270, memoryBytes: 300 }))).toEqual(["1x w1a1", "1x w4a4"]);
    expect(advise(candidates, { relativeCost: 0.01 })).toEqual([]);
  });

  it.each([{}, { relativeCost: 0 }, { packedBytes: Number.NaN }])("refuses the budget %j", (budget) =>
    expect(() => advise(candidates, budget)).toThrow("a budget needs something to keep within"),
  );
});
