import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStorage } from "@lowbit/core-tensor/storage";
import { defineStudy, readStudyState, readTrials, runStudy, type Study, type Trial, testAccuracy } from "@lowbit/sweep";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const storage = openStorage();
const made = { command: "a test", commit: null, node: "20.0.0", backend: "js", threads: 1 };

const declaration: Study = {
  name: "squares",
  version: 1,
  metric: testAccuracy,
  about: "the accuracy is the seed's square",
  trials: [3, 1, 2].map((seed) => ({ key: `seed${seed}`, configuration: { seed, nested: { a: 1, b: [2] } } })),
  judge: (finished) => [{ claim: "three ran", verdict: finished.length === 3 ? "reproduced" : "open", because: "" }],
};
const study = defineStudy(declaration);

let folder: string;
let ran: string[];
const runTrial = async ({ key, configuration }: Trial) => {
  ran.push(key);
  return { result: { accuracy: (configuration.seed as number) ** 2 }, made };
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lowbit-sweep-"));
  ran = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("runStudy", () => {
  it("runs every trial in its order and judges", async () => {
    const state = await runStudy(study, { storage, folder, runTrial });
    expect(ran).toEqual(["seed3", "seed1", "seed2"]);
    expect(state.trials.map(({ result }) => result.accuracy)).toEqual([9, 1, 4]);
    expect(state.missing).toEqual([]);
    expect(state.verdicts[0].verdict).toBe("reproduced");
  });

  it("goes on where a trial failed, and repeats none that is done", async () => {
    const failing = async (trial: Trial) => {
      if (trial.key === "seed1" && ran.length === 1) throw new Error("the power went");
      return runTrial(trial);
    };
    await expect(runStudy(study, { storage, folder, runTrial: failing })).rejects.toThrow("the power went");
    expect((await readStudyState(study, storage, folder)).missing).toEqual(["seed1", "seed2"]);
    await runStudy(study, { storage, folder, runTrial });
    expect(ran).toEqual(["seed3", "seed1", "seed2"]);
  });

  it("starts no trial once it is stopped", async () => {
    const stop = new AbortController();
    const stopping = async (trial: Trial) => {
      stop.abort(new Error("enough"));
      return runTrial(trial);
    };
    const running = runStudy(study, { storage, folder, signal: stop.signal, runTrial: stopping });
    await expect(running).rejects.toThrow("enough");
    expect(readdirSync(folder)).toEqual(["seed3.json"]);
  });

  it("runs some trials alone where it is told so, and refuses to run none", async () => {
    await runStudy(study, { storage, folder, runTrial, only: ["seed2", "d1"] });
    expect(ran).toEqual(["seed1", "seed2"]);
    await expect(runStudy(study, { storage, folder, runTrial, only: ["seed9"] })).rejects.toThrow(
      /no trial like seed9/,
    );
  });

  it.each([
    ["another version", (record: object) => ({ ...record, version: 2 })],
    ["another study", (record: object) => ({ ...record, study: "cubes" })],
    [
      "another configuration",
      (record: object) => ({ ...record, configuration: { seed: 3, nested: { a: 1, b: [3] } } }),
    ],
  ])("does not count the record of %s", async (_, change) => {
    await runStudy(study, { storage, folder, runTrial, only: ["seed3"] });
    const file = join(folder, "seed3.json");
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
    await expect(runStudy(study, { storage, folder, runTrial })).rejects.toThrow(
      /is of something else[\s\S]*seed3\.json/,
    );
    expect(ran).toEqual(["seed3"]);
  });

  it.each([
    ["text", "{"],
    ["another document", "{}"],
  ])("refuses a record that is %s", async (_, content) => {
    writeFileSync(join(folder, "seed3.json"), content);
    await expect(readStudyState(study, storage, folder)).rejects.toThrow(/seed3\.json/);
    await expect(readTrials(storage, folder)).rejects.toThrow(/seed3\.json/);
  });
});

describe("readTrials", () => {
  it("reads every record, in the order of keys", async () => {
    await runStudy(study, { storage, folder, runTrial });
    writeFileSync(join(folder, "notes.md"), "not a record");
    const records = await readTrials(storage, folder);
    expect(records.map(({ key }) => key)).toEqual(["seed1", "seed2", "seed3"]);
    expect(records[0]).toMatchObject({ made, configuration: { seed: 1 } });
  });
});

describe("defineStudy", () => {
  it.each([
    ["a name that is none", { name: "My Study" }, /My Study/],
    ["no trials", { trials: [] }, /no trials/],
    ["two trials of one key", { trials: [declaration.trials[0], declaration.trials[0]] }, /two trials "seed3"/],
    ["a key that leaves the folder", { trials: [{ key: "../x", configuration: {} }] }, /\.\.\/x/],
  ])("refuses %s", (_, change, message) => {
    expect(() => defineStudy({ ...declaration, ...change })).toThrow(message);
  });
});
