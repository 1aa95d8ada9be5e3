import { describe, expect, it } from "vitest";
import { constantSchedule, cosineSchedule, plateauSchedule, stepSchedule, warmUp } from "../../src/index.js";

const rates = (schedule: { learningRate(step: number, total: number): number }, total: number): number[] =>
  Array.from({ length: total }, (_, step) => schedule.learningRate(step, total));

describe("schedules", () => {
  it("constant stays", () => {
    expect(rates(constantSchedule({ learningRate: 0.3 }), 3)).toEqual([0.3, 0.3, 0.3]);
  });

  it("cosine follows Loshchilov and Hutter's eq. 5", () => {
    const total = 40;
    rates(cosineSchedule({ learningRate: 0.1, final: 0.01 }), total).forEach((rate, step) => {
      expect(rate).toBeCloseTo(0.01 + 0.5 * (0.1 - 0.01) * (1 + Math.cos((Math.PI * step) / total)), 12);
    });
    expect(cosineSchedule({ learningRate: 0.1 }).learningRate(0, 10)).toBe(0.1);
  });

  it("step drops at parts of the run", () => {
    const expected = [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01];
    for (const [i, rate] of rates(stepSchedule({ learningRate: 1 }), 8).entries())
      expect(rate).toBeCloseTo(expected[i], 12);
  });

  it("a warm-up rises in a line to what the other schedule says", () => {
    const warm = rates(warmUp(constantSchedule({ learningRate: 1 }), { steps: 3 }), 5);
    for (const [i, rate] of [0.25, 0.5, 0.75, 1, 1].entries()) expect(warm[i]).toBeCloseTo(rate, 12);
  });

  // torch.optim.lr_scheduler.ReduceLROnPlateau(mode="min", factor=0.5, patience=2, threshold=0.1, threshold_mode="rel"):
  // a third epoch in a row that is not below 0.9 · best halves the rate.
  it.each([
    [
      [1, 0.8, 0.79, 0.78, 0.77, 0.3],
      [1, 1, 1, 1, 0.5, 0.5],
    ],
    [
      [1, 1, 1, 1, 1, 1, 1, 1],
      [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25],
    ],
    [
      [1, 1, 1, 0.5, 0.5, 0.5],
      [1, 1, 1, 1, 1, 1],
    ],
  ])("plateau: losses %j give rates %j", (losses, expected) => {
    const make = () => plateauSchedule({ learningRate: 1, factor: 0.5, patience: 2, threshold: 0.1 });
    const schedule = make();
    losses.forEach((loss, i) => {
      schedule.observe?.({ training: 7, evaluation: loss });
      expect(schedule.learningRate(0, 1)).toBe(expected[i]);
      const resumed = make();
      resumed.restore?.(JSON.parse(JSON.stringify(schedule.state?.() ?? null)));
      expect(resumed.state?.()).toEqual(schedule.state?.());
    });
  });

  it("a plateau may go by the training error alone", () => {
    const schedule = plateauSchedule({ learningRate: 1, patience: 0, threshold: 0.1, watch: "training" });
    for (const training of [1, 0.8, 0.79]) schedule.observe?.({ training, evaluation: 1 / training });
    expect(schedule.learningRate(0, 1)).toBeCloseTo(0.1, 12);
  });

  it("a warm-up passes on what a plateau has to be told", () => {
    const schedule = warmUp(plateauSchedule({ learningRate: 1, patience: 0 }), { steps: 1 });
    schedule.observe?.({ training: 1 });
    schedule.observe?.({ training: 1 });
    expect(schedule.learningRate(5, 10)).toBeCloseTo(0.1, 12);
    const resumed = warmUp(plateauSchedule({ learningRate: 1, patience: 0 }), { steps: 1 });
    resumed.restore?.(schedule.state?.() ?? null);
    expect(resumed.learningRate(5, 10)).toBeCloseTo(0.1, 12);
    expect(constantSchedule({ learningRate: 1 }).state).toBeUndefined();
  });

  it.each([
    [() => constantSchedule({ learningRate: 0 }), /learningRate can't be 0/],
    [() => cosineSchedule({ learningRate: Number.NaN }), /learningRate can't be NaN/],
    [() => cosineSchedule({ learningRate: 1, final: 2 }), /can't end at 2/],
    [() => stepSchedule({ learningRate: 1, drops: [2] }), /can't drop at \[2\]/],
    [() => stepSchedule({ learningRate: 1, factor: 0 }), /can't drop by 0/],
    [() => warmUp(constantSchedule({ learningRate: 1 }), { steps: -1 }), /can't take -1 steps/],
    [() => plateauSchedule({ learningRate: 1, factor: 2 }), /sensible/],
    [() => plateauSchedule({ learningRate: 1 }).restore?.({ best: "x" }), /makes no sense/],
  ])("refuses %s", (make, message) => {
    expect(make).toThrow(message);
  });
});
