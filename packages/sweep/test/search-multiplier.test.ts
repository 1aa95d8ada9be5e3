import { createMemoryDisk, createStorage } from "@lowbit/core-tensor/storage";
import { type MultiplierSearch, searchMultiplier, type Trial, testAccuracy } from "@lowbit/sweep";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const made = { command: "a test", commit: null, node: "20.0.0", backend: "js", threads: 1 };
const trial = (multiplier: number, bits: string, seed: number): Trial => ({
  key: `${multiplier}x-${bits}-seed${seed}`,
  configuration: { width: multiplier, precision: bits, seed },
});
const searchFor = (multipliers: readonly number[], best: "lowest" | "highest" = "highest"): MultiplierSearch => ({
  ...{ metric: testAccuracy, best, multipliers, seeds: [1, 2, 3] },
  baseline: (seed) => trial(1, "fp32", seed),
  candidate: (multiplier, seed) => trial(multiplier, "w2a2", seed),
});
/** fp32 is at `goal`, and w2a2 at its width, each by seeds that stray and whose mean does not. */
function bench(goal: number, sign = 1) {
  const ran: string[] = [];
  const storage = createStorage(createMemoryDisk(), () => "t");
  const runTrial = async ({ key, configuration }: Trial) => {
    ran.push(key);
    const mean = configuration.precision === "fp32" ? goal : Number(configuration.width);
    return { result: { accuracy: sign * mean + (Number(configuration.seed) - 2) / 4, packedBytes: 8 }, made };
  };
  return { ran, options: { storage, folder: "s", runTrial } };
}

describe("searchMultiplier", () => {
  const multipliers = Array.from({ length: 13 }, (_, i) => 1 + i / 4);

  it("finds what trying all of them finds, in a logarithm of the trials, whichever end is the good one", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 40 }), fc.boolean(), async (tenths, isLow) => {
        const goal = 0.5 + tenths / 8;
        const { options, ran } = bench(goal, isLow ? -1 : 1);
        const { smallest } = await searchMultiplier(searchFor(multipliers, isLow ? "lowest" : "highest"), options);
        expect(smallest).toBe(multipliers.find((each) => each >= goal) ?? null);
        expect(ran.length).toBeLessThanOrEqual(3 * (1 + Math.ceil(Math.log2(14))));
      }),
      { seed: 1, numRuns: 30 },
    ));

  it("goes on where it was stopped, and repeats no trial", async () => {
    const { options, ran } = bench(2.3);
    const stop = async (each: Trial) => {
      if (ran.length === 5) throw new Error("the power went");
      return options.runTrial(each);
    };
    await expect(searchMultiplier(searchFor(multipliers), { ...options, runTrial: stop })).rejects.toThrow("power");
    expect(ran).toHaveLength(5);
    const { smallest, tried } = await searchMultiplier(searchFor(multipliers), options);
    expect(smallest).toBe(2.5);
    expect(new Set(ran).size).toBe(ran.length);
    expect(ran).toHaveLength(3 * (1 + tried.length));
  });

  it.each([[[]], [[2, 1]], [[0, 1]]])("refuses the multipliers %j", (wrong) =>
    expect(searchMultiplier(searchFor(wrong), bench(1).options)).rejects.toThrow(/nothing to search/),
  );
});
