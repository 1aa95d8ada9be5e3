import { describe, expect, it } from "vitest";
import { alternate } from "../../src/measure/alternate.js";
import { CeilingMeter } from "../../src/measure/ceiling.js";
import { summarise } from "../../src/measure/summary.js";

describe("summarise", () => {
  it.each([
    { samples: [7], median: 7, quartiles: [7, 7] },
    { samples: [4, 1, 3, 2], median: 2.5, quartiles: [1.75, 3.25] },
    { samples: [5, 1, 3, 2, 4], median: 3, quartiles: [2, 4] },
  ])("of $samples is $median", ({ samples, median, quartiles: [lowerQuartile, upperQuartile] }) => {
    expect(summarise(samples)).toEqual({ median, lowerQuartile, upperQuartile, repetitions: samples.length });
  });
});

describe("alternate", () => {
  it("turns the order of the sides round by round, and gives each as many repetitions", async () => {
    const order: string[] = [];
    const slow = (name: string) => async () => {
      order.push(name);
      await new Promise((resolve) => setTimeout(resolve, 4));
    };
    const meter = new CeilingMeter();
    const options = { budgetMs: 0, leastRounds: 4, mostRounds: 4, meter, fused: false };
    const { sides, ceiling } = await alternate([slow("a"), slow("b")], options);
    expect(sides.map(({ repetitions }) => repetitions)).toEqual([4, 4]);
    expect(order.slice(-8).join("")).toBe("abbaabba");
    expect(ceiling).toBeGreaterThan(0);
    expect(meter.ceiling()).toMatchObject({ multiplyThenAdd: expect.any(Number), copyBandwidth: expect.any(Number) });
  });
});
