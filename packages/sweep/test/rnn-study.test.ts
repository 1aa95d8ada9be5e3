import { type FinishedTrial, rnnStudy } from "@lowbit/sweep";
import { describe, expect, it } from "vitest";

/** Trials of the named rows, each with bits per character around a value, and a size. */
const finishedWith = (rows: Readonly<Record<string, readonly [bits: number, bytes: number]>>): FinishedTrial[] =>
  rnnStudy.trials.flatMap((trial) => {
    const [row, seed] = trial.key.split("-seed");
    if (!rows[row]) return [];
    const [bits, packedBytes] = rows[row];
    return [{ ...trial, result: { bitsPerCharacter: bits + (Number(seed) - 2) / 100, packedBytes } }];
  });
const everyRow = (bits: number, bytes: number) =>
  Object.fromEntries(rnnStudy.trials.map(({ key }) => [key.split("-seed")[0], [bits, bytes] as const]));
const mainVerdict = (finished: readonly FinishedTrial[]) => rnnStudy.judge(finished)[0];
const fp32 = { "lstm-1x-fp32": [2.8, 1000], "gru-1x-fp32": [2.7, 800] } as const;

describe("the study of recurrent networks", () => {
  it("has each row in three seeds by one recipe, the baselines first", () => {
    const recipes = rnnStudy.trials.map(({ configuration: { model, width, precision, seed, ...recipe } }) =>
      JSON.stringify(recipe),
    );
    expect(new Set(recipes).size).toBe(1);
    const rows = new Map<string, number>();
    for (const { key } of rnnStudy.trials) rows.set(key.split("-seed")[0], (rows.get(key.split("-seed")[0]) ?? 0) + 1);
    expect(new Set(rows.values())).toEqual(new Set([3]));
    expect([...rows.keys()].slice(0, 2)).toEqual(["lstm-1x-fp32", "gru-1x-fp32"]);
  });

  it("finds one network that is as good and smaller, before the rest is there", () => {
    const finished = finishedWith({ ...fp32, "lstm-1.5x-w4a4": [2.79, 600] });
    expect(mainVerdict(finished)).toMatchObject({
      verdict: "reproduced",
      because: expect.stringContaining("600 bytes"),
    });
    expect(mainVerdict(finished.filter(({ key }) => key !== "lstm-1.5x-w4a4-seed3")).verdict).toBe("open");
  });

  it("does not count what is as good and larger, or smaller and worse, and is open until all are there", () => {
    const rows = { ...everyRow(2.9, 500), "gru-3x-w1a1": [2.6, 801] as const, ...fp32 };
    expect(mainVerdict(finishedWith(rows)).verdict).toBe("not reproduced");
    const fewer = finishedWith(rows).filter(({ key }) => !key.startsWith("gru-1x-w2a2"));
    expect(mainVerdict(fewer)).toMatchObject({
      verdict: "open",
      because: expect.stringContaining("gru 1x w2a2"),
    });
  });

  it("judges growth by the narrowest and the widest of a precision", () => {
    const verdicts = rnnStudy.judge(finishedWith({ "gru-1x-w2a4": [2.9, 1], "gru-2x-w2a4": [2.8, 4] }));
    const growth = verdicts.find(({ claim }) => claim.startsWith("gru, w2a4"));
    expect(growth).toMatchObject({ verdict: "reproduced", because: expect.stringContaining("2.800") });
  });

  it("tells the smallest multiplier that reaches fp32, and what it weighs there", () => {
    const rows = {
      ...fp32,
      "lstm-1x-w2a4": [2.9, 300],
      "lstm-1.5x-w2a4": [2.8, 450],
      "lstm-2x-w2a4": [2.7, 900],
    } as const;
    const [smallest, all] = rnnStudy.sections?.(finishedWith({ ...rows, "gru-1x-w1a1": [3, 100] })) ?? [];
    expect(smallest.table?.rows).toContainEqual(
      ["lstm", "w2a4", "1.5", "2.800 ± 0.010 (3)", "450", "0.45", "4.00"], // √(32 / 2)
    );
    expect(smallest.table?.rows).toContainEqual(["gru", "w1a1", "none up to 1", "–", "–", "–", "5.66"]);
    expect(all.table?.rows).toHaveLength(6);
  });
});
