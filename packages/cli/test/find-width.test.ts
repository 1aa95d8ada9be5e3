import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const text = join(work, "sea.txt");
writeFileSync(text, "the whale sees a sailor.\n".repeat(120));
const file = join(work, "baseline.json");
const experiment = { model: "gru", data: `text:${text}`, hidden: 4, epochs: 1, batch: 4, steps: 16 };
writeFileSync(file, JSON.stringify(experiment));

describe("lowbit find-width", () => {
  it("finds the smallest multiplier, keeps each trial, and asks none again", async () => {
    const out = join(work, "found");
    const line = ["find-width", file, "--precision", "w4a4", "--seeds", "1", "--to", "3", "--step", "1", "--out", out];
    const found = await runJson([...line, "--threads", "1"]);
    expect(found).toMatchObject({ precision: "w4a4", baselinePrecision: "fp32", metric: "bitsPerCharacter" });
    for (const { multiplier, spread, reaches } of found.tried) {
      expect(reaches).toBe(spread.mean <= found.baseline.spread.mean);
      if (reaches) expect(found.smallest).toBeLessThanOrEqual(multiplier);
    }
    const records = readdirSync(out).filter((name) => name.endsWith(".json"));
    expect(records).toHaveLength(1 + found.tried.length);
    const again = await runLowbit([...line, "--threads", "1"]);
    expect(again.stderr).not.toMatch(/trial/);
    expect(again.stdout).toMatch(/w4a4[\s\S]*1x fp32/);
  });

  it.each([
    ["multipliers that fall", ["--from", "2", "--to", "1"], /no multipliers from 2 to 1/],
    ["a file that is not there", ["--precision", "w2a2"], /no experiment file/],
  ])("refuses %s", async (what, more, message) => {
    const from = what.startsWith("a file") ? join(work, "none.json") : file;
    const words = ["find-width", from, "--precision", "w2a2", "--out", join(work, "refused"), ...more];
    const { code, stderr } = await runLowbit(words);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
