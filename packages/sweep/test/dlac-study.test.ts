import { describe, expect, it } from "vitest";
import { dlacStudy } from "../src/index.js";
import { rankCorrelation } from "../src/rank-correlation.js";

interface Numbers {
  readonly accuracy: number;
  readonly executed: number;
  /** Skip gains of conv1, then of convolutions of blocks. */
  readonly gains: readonly number[];
}

const resultOf = ({ accuracy, executed, gains }: Numbers) => ({
  ...{ accuracy, macs: 1000, executedMacs: executed, cycles: executed, denseCycles: 1000 },
  ...Object.fromEntries(
    gains.flatMap((gain, i) => {
      const place = `0${i + 1} ${i === 0 ? "conv1" : `stage1.block${i}.conv1`}`;
      return [
        [`skipGain ${place}`, gain],
        [`weightDensity ${place}`, 0.5],
        [`inputDensity ${place}`, 0.5],
      ];
    }),
  ),
});
const finished = (numbers: Readonly<Record<string, Numbers>>, seeds: readonly number[] = [1, 2, 3]) =>
  dlacStudy.trials.flatMap((trial) => {
    const [, kind, seed] = /^(.*)-seed(\d)$/.exec(trial.key) ?? [];
    return numbers[kind] && seeds.includes(Number(seed)) ? [{ ...trial, result: resultOf(numbers[kind]) }] : [];
  });
const rising = [9, 1, 2, 3, 4, 5, 6];
const fp32: Numbers = { accuracy: 90, executed: 500, gains: rising };
const verdict = (claim: RegExp, numbers: Readonly<Record<string, Numbers>>, seeds?: readonly number[]) =>
  dlacStudy.judge(finished(numbers, seeds)).find((each) => claim.test(each.claim))?.verdict;

describe("the study of dLAC", () => {
  it("runs what carries claims first, seed by seed, in every trial the same machine and data", () => {
    expect(dlacStudy.trials.slice(0, 6).map(({ key }) => key)).toEqual(
      [1, 2].flatMap((seed) => ["fp32", "ternary", "sparse"].map((kind) => `${kind}-seed${seed}`)),
    );
    const sparse = dlacStudy.trials.find(({ key }) => key === "sparse-seed1");
    expect(sparse?.configuration).toMatchObject({ precision: "w2a32", fp32Epochs: 1, schedule: "plateau" });
    const cosine = dlacStudy.trials.find(({ key }) => key === "ternary-cosine-seed1");
    expect(cosine?.configuration).not.toHaveProperty("plateauFactor");
  });

  it.each<[number, number, string]>([
    [89.6, 390, "reproduced"],
    [89.4, 390, "not reproduced"],
    [89.6, 410, "not reproduced"],
  ])("3x less compute at equal accuracy: %d %% with %d of 1000 is %s", (accuracy, executed, expected) => {
    const sparse = { accuracy, executed, gains: rising };
    expect(verdict(/3x less/, { fp32, sparse })).toBe(expected);
    expect(verdict(/3x less/, { fp32, sparse }, [1, 2])).toBe("open");
  });

  it("takes growth with depth from the blocks' convolutions alone, and asks it of both networks", () => {
    const sparse = { ...fp32, executed: 300 };
    expect(verdict(/grows with depth/, { ternary: fp32, sparse })).toBe("reproduced"); // conv1's 9 counts for nothing
    const flat = { ...fp32, gains: [9, 3, 1, 4, 2, 3, 2] };
    expect(verdict(/grows with depth/, { ternary: fp32, sparse: flat })).toBe("not reproduced");
  });

  it("draws the gain of every layer against its depth, and shows one-seed rows apart", () => {
    const sections = dlacStudy.sections?.(finished({ fp32, "penalty-alone": fp32 })) ?? [];
    const chart = sections.find((section) => section.chart)?.chart?.chart;
    expect(chart).toMatchObject({ kind: "lines", series: [{ name: "fp32" }] });
    if (chart?.kind !== "lines") throw new Error("a line chart");
    expect(chart.series[0].points.map(({ x, y }) => [x, y])).toEqual(rising.map((gain, i) => [i + 1, gain]));
    expect(sections.find(({ heading }) => heading === "What each technique does")?.table?.rows).toHaveLength(1);
  });
});

it("rank correlation is Spearman's, ties sharing a rank", () => {
  expect(rankCorrelation([1, 2, 3, 4], [10, 20, 30, 90])).toBe(1);
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBe(-1);
  expect(
    rankCorrelation([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]),
  ).toBeCloseTo(
    -29 / 165, // the worked example of Wikipedia's article on Spearman's coefficient
    12,
  );
  expect(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(0.9486832980505138, 12); // scipy.stats.spearmanr
});
