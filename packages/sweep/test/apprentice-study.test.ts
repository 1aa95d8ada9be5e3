import { apprenticeStudy, type FinishedTrial, type TrialResult } from "@lowbit/sweep";
import { describe, expect, it } from "vitest";

/** Accuracies of a row by seed: a value, and how far the five seeds stray from it. */
type Rows = Readonly<Record<string, readonly [value: number, ...strays: number[]]>>;

const seedOf = (key: string): number => Number(/-seed(\d)$/.exec(key)?.[1] ?? 0);

const finishedWith = (rows: Rows, more: (key: string) => Record<string, number> = () => ({})): FinishedTrial[] =>
  apprenticeStudy.trials.map((trial) => {
    const [value, ...strays] = rows[trial.key.replace(/-seed\d$/, "")] ?? [80];
    const result: TrialResult = { accuracy: value + (strays[seedOf(trial.key) - 1] ?? 0), ...more(trial.key) };
    return { ...trial, result };
  });

const verdictsOf = (rows: Rows): string[] => apprenticeStudy.judge(finishedWith(rows)).map(({ verdict }) => verdict);

const paper: Rows = {
  ...{
    "ternary-none": [80],
    "ternary-a": [82],
    "ternary-b": [82.2],
    "ternary-c": [83],
    "ternary-b-fewer-epochs": [82.1],
  },
  ...{ "ternary-c-no-teacher": [81], "ternary-none-as-long-as-c": [80.5], "wide-none": [83], "wide-b": [84] },
};

describe("the Apprentice study", () => {
  it("pairs its trials: one seed has the same student, images and recipe with a teacher and without", () => {
    for (const student of ["ternary", "wide"]) {
      const recipes = apprenticeStudy.trials
        .filter(({ key }) => key.startsWith(student))
        .map(({ configuration }) => {
          const { scheme, teacher, teacherWidth, epochs, fullPrecisionEpochs, seed, ...recipe } = configuration;
          return JSON.stringify(recipe);
        });
      expect(new Set(recipes).size).toBe(1);
    }
  });

  it("has every row of a claim in five seeds, and as many epochs in C's controls as in C", () => {
    for (const row of Object.keys(paper)) {
      const seeds = apprenticeStudy.trials
        .filter(({ key }) => key.startsWith(`${row}-seed`))
        .map(({ key }) => seedOf(key));
      expect(seeds).toEqual([1, 2, 3, 4, 5]);
    }
    const epochsOf = (row: string): number => {
      const found = apprenticeStudy.trials.find(({ key }) => key === `${row}-seed1`)?.configuration;
      return Number(found?.epochs) + Number(found?.fullPrecisionEpochs ?? 0);
    };
    expect(epochsOf("ternary-c-no-teacher")).toBe(epochsOf("ternary-c"));
    expect(epochsOf("ternary-none-as-long-as-c")).toBe(epochsOf("ternary-c"));
    expect(epochsOf("ternary-b-fewer-epochs")).toBeLessThan(epochsOf("ternary-a"));
  });

  it("finds the paper's order where it is", () => {
    expect(verdictsOf(paper)).toEqual(Array(7).fill("reproduced"));
  });

  it("does not take a warm start, or more epochs, for distillation", () => {
    const warm = { ...paper, "ternary-c-no-teacher": [83] } as Rows;
    const longer = { ...paper, "ternary-none-as-long-as-c": [83] } as Rows;
    for (const rows of [warm, longer]) expect(verdictsOf(rows)[4]).toBe("not reproduced");
  });

  it("does not take for a gain what chance gives: pairs that stray, though their mean is above", () => {
    // Differences to 80: 3, −1, 3, −1, 1: mean 1, deviation 2, and 2.132 · 2 / √5 = 1.907 is more.
    const stray = { ...paper, "ternary-a": [81, 2, -2, 2, -2, 0] } as Rows;
    expect(verdictsOf(stray)[0]).toBe("not reproduced");
    // 1.9, 0.1, 1.9, 0.1, 1: mean 1, deviation 0.9: 0.858 is less.
    expect(verdictsOf({ ...paper, "ternary-a": [81, 0.9, -0.9, 0.9, -0.9, 0] } as Rows)[0]).toBe("reproduced");
  });

  it("leaves open what lacks a seed", () => {
    const finished = finishedWith(paper).filter(({ key }) => key !== "ternary-c-seed4");
    expect(apprenticeStudy.judge(finished).map(({ verdict }) => verdict === "open")).toEqual([
      false,
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  it("reports errors beside the paper's, epochs to A's error, and what the cache saved", () => {
    const curve = (key: string) => ({
      ...(key.includes("-b-seed") && { epoch1Accuracy: 70, epoch2Accuracy: 82, epoch3Accuracy: 82.2 }),
      ...(/-b-seed|(ternary|four-bit)-c-seed/.test(key) && {
        cacheHit: Number(key.includes("-c-")),
        teacherSeconds: key.includes("-c-") ? 0 : 2,
      }),
      ...(/-b-seed[2-5]/.test(key) && { processorSeconds: 10 * Number(key.at(-1)) }), // seed 1 was interrupted
    });
    const [errors, time] = apprenticeStudy.sections?.(finishedWith(paper, curve)) ?? [];
    expect(errors.table?.rows).toContainEqual(["ternary-b", "17.80 ± 0.00 (5)", "2.0 (5 of 5 seeds)", "40", "–"]);
    expect(errors.table?.rows).toContainEqual(["ternary-a", "18.00 ± 0.00 (5)", "–", "–", "31.5"]);
    expect(time.table?.rows).toEqual([
      ["miss", "11", "22.0"],
      ["hit", "6", "0.0"],
    ]);
  });
});
