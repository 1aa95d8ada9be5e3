import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { contentOf } from "./folder-content.js";
import { type Ended, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

// A sample: tests/reliability meets every storage call.

const work = temporaryFolder();
const folder = (name: string): string => join(work, name);
const train = [
  "train",
  "--model",
  "mlp",
  "--data",
  "fashion-mnist-mini",
  "--precision",
  "w2a2",
  "--limit",
  "128",
  "--epochs",
  "2",
  "--threads",
  "1",
];
const whole = folder("whole");

beforeAll(async () => {
  await runJson([...train, "--out", whole]);
});

/** Runs with a fault at call 1, 1 + step, … until a run meets none; resolves to how many met one. */
async function meetFaults(
  fault: string,
  step: number,
  meet: (setting: string, index: number) => Promise<Ended>,
): Promise<number> {
  for (let met = 0; ; met++) {
    const index = 1 + met * step;
    const setting = fault.replace("n", String(index));
    const { stderr } = await meet(setting, index);
    if (!stderr.includes(`at storage call ${index},`)) return met;
  }
}

describe("training", () => {
  it("that was killed at a storage call goes on to the same weights, optimiser state and log", async () => {
    const met = await meetFaults("kill@n", 19, async (LOWBIT_FAULT, index) => {
      const out = folder(`killed-${index}`);
      const ended = await runLowbit([...train, "--out", out], { env: { LOWBIT_FAULT } });
      if (ended.signal === "SIGKILL") await runJson([...train, "--out", out, "--resume"]);
      expect([index, contentOf(out)]).toEqual([index, contentOf(whole)]);
      return ended;
    });
    expect(met).toBeGreaterThan(4);
  });

  it("that a full disk stopped says so, and goes on once there is room", async () => {
    const met = await meetFaults("ENOSPC@n+", 31, async (LOWBIT_FAULT, index) => {
      const out = folder(`full-${index}`);
      const ended = await runLowbit([...train, "--out", out], { env: { LOWBIT_FAULT } });
      if (ended.code !== 0) {
        expect([index, ended.code, ended.stdout]).toEqual([index, 74, ""]);
        expect(ended.stderr).toMatch(/error: .*the disk is full \(ENOSPC\)[\s\S]*try {4}free some space/);
        expect(ended.stderr).not.toMatch(/^\s+at .*:\d+/m);
        await runJson([...train, "--out", out, "--resume"]);
      }
      expect([index, contentOf(out)]).toEqual([index, contentOf(whole)]);
      return ended;
    });
    expect(met).toBeGreaterThan(2);
  });
});

describe("conversion", () => {
  it("writes all or nothing, whichever call a full disk refuses", async () => {
    const met = await meetFaults("ENOSPC@n+", 9, async (LOWBIT_FAULT, index) => {
      const out = folder(`packed-${index}`);
      const ended = await runLowbit(["convert", whole, "--out", out], { env: { LOWBIT_FAULT } });
      if (ended.code !== 0) {
        expect([index, ended.code, ended.stdout]).toEqual([index, 74, ""]);
        await runJson(["convert", whole, "--out", out]); // nothing is in its way
      }
      expect(readdirSync(out).sort()).toEqual(["manifest.json", "packed.generation-1.safetensors"]);
      return ended;
    });
    expect(met).toBeGreaterThan(2);
  });
});
