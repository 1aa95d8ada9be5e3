import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { contentOf } from "./folder-content.js";
import { runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const folder = (name: string): string => join(work, name);
const cache = folder("cache");
const small = ["--data", "fashion-mnist-mini", "--limit", "192", "--epochs", "1", "--seed", "1"];
const student = ["--student", "mlp", "--precision", "w2a8", ...small, "--cache", cache];
const threeTerms = { teacher: expect.any(Number), apprentice: expect.any(Number), distillation: expect.any(Number) };

describe("distill", () => {
  it.each([
    ["a", [], "live", null],
    ["b", ["--augment", "crop:2,flip"], "miss", expect.any(Number)],
    ["c", ["--augment", "crop:2,flip"], "hit", expect.any(Number)], // the same teacher, trained on the same images
  ])(
    "by scheme %s leaves what eval and convert take, of the accuracy that it told",
    async (scheme, more, used, seconds) => {
      const out = folder(`scheme-${scheme}`);
      const words = ["distill", "--scheme", scheme, "--teacher", "simple-cnn", ...student, ...more, "--out", out];
      const told = await runJson(words);
      expect(told).toMatchObject({
        ...{ scheme, teacher: "simple-cnn", student: "mlp", precision: "w2a8", quantizer: "wrpn", out },
        ...{ epochs: 1, fullPrecisionEpochs: scheme === "c" ? 1 : 0, steps: 3, images: 192, seed: 1 },
        ...{ teacherAccuracy: expect.any(Number), losses: threeTerms, cache: used, teacherSeconds: seconds },
      });
      const evaluated = await runJson(["eval", out]);
      expect(evaluated).toMatchObject({ accuracy: told.accuracy, loss: told.loss });
      await runJson(["convert", out, "--out", `${out}-packed`]);
      expect(await runJson(["eval", `${out}-packed`])).toMatchObject({ accuracy: told.accuracy, kind: "packed" });
      const again = await runJson([...words, "--resume"]);
      expect({ ...again, teacherSeconds: seconds, cache: used }).toEqual(told);
    },
  );

  it("averages teachers out of folders, trained and packed, and finds their logits again", async () => {
    const [first, second] = [folder("teacher-1"), folder("teacher-2")];
    await runJson(["train", "--model", "simple-cnn", ...small, "--out", first]);
    await runJson(["train", "--model", "resnet8", "--precision", "w4a8", ...small, "--out", second]);
    await runJson(["convert", second, "--out", `${second}-packed`]);
    const words = ["distill", "--scheme", "b", "--teacher", first, "--teacher", `${second}-packed`, ...student];
    const missed = await runJson([...words, "--out", folder("averaged")]);
    const hit = await runJson([...words, "--out", folder("averaged-again")]);
    expect(missed).toMatchObject({ cache: "miss", teacher: [first, `${second}-packed`] });
    expect(hit).toEqual({ ...missed, out: folder("averaged-again"), cache: "hit", teacherSeconds: 0 });
    const live = await runLowbit([...words, "--no-cache", "--json", "--out", folder("live")]);
    expect(live.stderr).toMatch(/live: nothing is cached/);
    expect(JSON.parse(live.stdout)).toMatchObject({ cache: "live", accuracy: hit.accuracy, losses: hit.losses });
  });

  it("takes hints from inner layers, and any quantizer", async () => {
    const words = [
      "distill",
      "--scheme",
      "b",
      "--teacher",
      "simple-cnn",
      "--student",
      "resnet8",
      "--width",
      "0.25",
      ...small,
    ];
    const hints = ["--hint", "attention:stage1.block0=relu1", "--hint", "fitnets:stage2.block0=pool1@0.5"];
    const told = await runJson([
      ...words,
      "--precision",
      "w2a8",
      "--quantizer",
      "twn",
      ...hints,
      "--out",
      folder("hinted"),
    ]);
    expect(told).toMatchObject({
      losses: { ...threeTerms, hints: expect.any(Number) },
      cache: "live",
      quantizer: "twn",
    });
    expect(await runJson(["eval", folder("hinted")])).toMatchObject({ accuracy: told.accuracy, loss: told.loss });
    const learned = ["--precision", "w4a4", "--quantizer", "lsq", "--scheme", "c", "--cache", cache];
    const lsq = await runJson([...words, ...learned, "--out", folder("lsq")]);
    expect(await runJson(["eval", folder("lsq")])).toMatchObject({ accuracy: lsq.accuracy, loss: lsq.loss });
    const wrong = await runLowbit([...words, "--hint", "attention:stage1", "--out", folder("refused")]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--hint[\s\S]*FORM:LAYER=LAYER/)]);
  });

  it("reads an experiment file, and writes what the options write", async () => {
    const file = folder("experiment.json");
    const fields = {
      scheme: "a",
      teacher: "simple-cnn",
      student: "mlp",
      precision: "w2a8",
      data: "fashion-mnist-mini",
    };
    writeFileSync(file, JSON.stringify({ ...fields, limit: 192, epochs: 1, seed: 1 }));
    await runJson(["distill", file, "--out", folder("from-file")]);
    expect(contentOf(folder("from-file"))).toEqual(contentOf(folder("scheme-a")));
  });

  it("gives the student's layers what overrides say, and the teacher none of it", async () => {
    const fields = {
      scheme: "b",
      teacher: "simple-cnn",
      student: "mlp",
      precision: "w2a8",
      data: "fashion-mnist-mini",
    };
    const small = { limit: 192, epochs: 1, seed: 1 };
    const write = (name: string, layers: string): string => {
      const overrides = [{ layers, precision: "w8a8" }];
      writeFileSync(folder(name), JSON.stringify({ ...fields, ...small, overrides }));
      return folder(name);
    };
    const out = folder("overridden");
    const told = await runJson(["distill", write("overrides.json", "*"), "--cache", cache, "--out", out]);
    const words = ["train", "--model", "mlp", "--precision", "w2a8", "--override", "*=w8a8", "--data", fields.data];
    const alone = await runJson([...words, "--limit", "192", "--epochs", "1", "--out", folder("alone")]);
    expect(told.packedBytes).toBe(alone.packedBytes);
    expect(told.packedBytes).not.toBe((await runJson(["eval", folder("scheme-b")])).packedBytes);
    const refused = await runLowbit(["distill", write("wrong.json", "stage9.*"), "--out", folder("none")]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("overrides[0] (stage9.*) matches no layer of mlp");
  });

  it("stopped by Ctrl-C in the first and in the last stage, goes on to the same bytes", async () => {
    const more = ["--teacher", "mlp", "--limit", "1000", "--epochs", "4", "--out"];
    const words = ["distill", "--scheme", "c", ...student, ...more];
    await runJson([...words, folder("whole")]);
    const out = folder("stopped");
    for (const after of ["teacher epoch 1/4", "student epoch 1/4"]) {
      const flags = existsSync(out) ? [out, "--resume"] : [out];
      const ended = await runLowbit([...words, ...flags], { interruptAt: after });
      expect(ended.code).toBe(130);
      expect(ended.stderr).toMatch(/Go on with:\n.*--resume/);
    }
    await runJson([...words, out, "--resume"]);
    for (const stage of ["", "stages/teacher", "stages/full-precision"]) {
      expect(contentOf(join(out, stage))).toEqual(contentOf(join(folder("whole"), stage)));
    }
  });

  it.each([
    [["--scheme", "b"], 2, /distill needs --teacher/],
    [["--scheme", "b", "--teacher", folder("nowhere"), ...student], 2, /there is no folder/],
    [["--scheme", "a", "--teacher", folder("teacher-1"), ...student], 2, /scheme a trains its teacher/],
    [["--scheme", "b", "--teacher", "mlp", "--teacher", "resnet8", ...student], 2, /can't be averaged/],
    [["--scheme", "b", "--teacher", "mlp", ...student, "--student", "mpl"], 2, /--student[\s\S]*did you mean mlp/],
    [["--scheme", "b", "--teacher", "mlp", ...student, "--temperature", "0"], 2, /--temperature/],
  ])("refuses %j", async (words, code, message) => {
    const ended = await runLowbit(["distill", ...words, "--out", folder("refused")]);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(message);
    expect(existsSync(folder("refused"))).toBe(false);
    expect(readdirSync(work)).not.toContain(".lowbit");
  });
});
