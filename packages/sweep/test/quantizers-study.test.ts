import { describe, expect, it } from "vitest";
import { quantizersStudy } from "../src/index.js";

const finished = (accuracies: Readonly<Record<string, readonly number[]>>) =>
  quantizersStudy.trials.flatMap((trial) => {
    const [, row, seed] = /^(.*)-seed(\d)$/.exec(trial.key) ?? [];
    const accuracy = accuracies[row]?.[Number(seed) - 1];
    return accuracy === undefined ? [] : [{ ...trial, result: { accuracy } }];
  });
const verdictOf = (claim: RegExp, accuracies: Readonly<Record<string, readonly number[]>>) =>
  quantizersStudy.judge(finished(accuracies)).find((each) => claim.test(each.claim));

describe("the study of quantizers", () => {
  it("has each row in three seeds, one seed after the other", () => {
    const seeds = quantizersStudy.trials.map(({ configuration }) => configuration.seed);
    expect(seeds).toEqual([...seeds].sort());
    for (const seed of [1, 2, 3]) expect(seeds.filter((each) => each === seed)).toHaveLength(seeds.length / 3);
    expect(quantizersStudy.trials.map(({ key }) => key)).toContain("twn-w2a32-seed1");
  });

  it("leaves a claim open until all its seeds are there, and judges by the means", () => {
    const ternary = /ternary weights are above binary/;
    expect(verdictOf(ternary, { "twn-w2a32": [80, 81, 82], "bwn-w1a32": [78, 79] })).toMatchObject({
      verdict: "open",
      because: expect.stringContaining("bwn w1a32"),
    });
    const low = { "twn-w2a32": [70, 71, 72], "bwn-w1a32": [78, 79, 80] };
    expect(verdictOf(ternary, low)?.verdict).toBe("not reproduced");
    expect(verdictOf(ternary, { ...low, "twn-w2a32": [90, 80, 78] })?.verdict).toBe("reproduced");
  });

  it("allows what is at par to lie a little below, and no more", () => {
    const claim = /trained ternary/;
    const fixed = { "twn-w2a32": [80, 80, 80] };
    expect(verdictOf(claim, { ...fixed, "ttq-w2a32": [79.6, 79.6, 79.6] })?.verdict).toBe("reproduced");
    expect(verdictOf(claim, { ...fixed, "ttq-w2a32": [79.4, 79.4, 79.4] })?.verdict).toBe("not reproduced");
  });

  it("shows the rows that there are", () => {
    const [weights, inputs] = quantizersStudy.sections?.(finished({ "twn-w2a32": [80, 81, 82], fp32: [90] })) ?? [];
    expect(weights.table?.rows).toHaveLength(2);
    expect(weights.table?.rows[1].slice(0, 2)).toEqual(["w2a32", "twn"]);
    expect(inputs.table?.rows).toHaveLength(1);
    expect(weights.chart?.chart).toMatchObject({
      series: [
        { name: "fp32", points: [1, 2, 4].map((x) => ({ x, y: 90 })) },
        { name: "twn", points: [{ x: 2, y: 81, spread: 1 }] },
      ],
    });
  });
});
