import { type FinishedTrial, wrpnStudy } from "@lowbit/sweep";
import { describe, expect, it } from "vitest";

/** All trials finished, each row with accuracies around one value. */
const finishedWith = (accuracies: Readonly<Record<string, number>>, others: number): FinishedTrial[] =>
  wrpnStudy.trials.map((trial) => {
    const [row, seed] = trial.key.split("-seed");
    return { ...trial, result: { accuracy: (accuracies[row] ?? others) + Number(seed) / 100 } };
  });
const verdictsOf = (accuracies: Readonly<Record<string, number>>): string[] =>
  wrpnStudy.judge(finishedWith(accuracies, 80)).map(({ verdict }) => verdict);

describe("the WRPN study", () => {
  it("has every claim row in three seeds and the whole grid at 1x, all by the baseline's recipe", () => {
    const rows = new Map<string, number>();
    for (const { key } of wrpnStudy.trials) {
      const row = key.split("-seed")[0];
      rows.set(row, (rows.get(row) ?? 0) + 1);
    }
    for (const row of ["1x-fp32", "2x-w4a4", "2x-w2a4", "2x-w2a2", "2x-w1a1", "1.3x-w1a1", "3x-w1a1"])
      expect(rows.get(row)).toBe(3);
    expect([...rows.keys()].filter((row) => row.startsWith("1x-"))).toHaveLength(25);
    const recipes = wrpnStudy.trials.map(({ configuration: { width: _, precision: __, seed: ___, ...recipe } }) =>
      JSON.stringify(recipe),
    );
    expect(new Set(recipes).size).toBe(1);
  });

  it("leaves a claim open until each of its rows has all seeds", () => {
    const finished = finishedWith({}, 80).filter(({ key }) => key !== "1x-fp32-seed2");
    const [sensitivity, above, par, binary] = wrpnStudy.judge(finished).map(({ verdict }) => verdict);
    expect(sensitivity).not.toBe("open");
    expect([above, par, binary]).toEqual(["open", "open", "open"]);
  });

  it("finds the paper's claims in the paper's shape", () => {
    const paper = { "1x-fp32": 88, "2x-w4a4": 89, "2x-w2a4": 87.8, "1x-w1a1": 70, "2x-w1a1": 78, "3x-w1a1": 84 };
    expect(verdictsOf({ ...paper, "1x-w4a32": 88, "1x-w32a4": 87, "1x-w2a32": 87, "1x-w32a2": 84 })).toEqual(
      Array(4).fill("reproduced"),
    );
  });

  it("does not find what is not there", () => {
    const reversed = { "1x-fp32": 88, "2x-w4a4": 87, "2x-w2a4": 87, "1x-w1a1": 70, "2x-w1a1": 71, "3x-w1a1": 72 };
    expect(verdictsOf({ ...reversed, "1x-w4a32": 85, "1x-w32a4": 87, "1x-w2a32": 80, "1x-w32a2": 84 })).toEqual(
      Array(4).fill("not reproduced"),
    );
  });
});
