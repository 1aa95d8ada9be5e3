import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { contentOf } from "./folder-content.js";
import { type AnyJson, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const path = (name: string): string => join(work, name);

/** Sentences of a small grammar, by a fixed rule: a text with something to learn, and no file to ship. */
const subjects = ["the whale", "a sailor", "the captain", "my mate"];
const verbs = ["sees", "follows", "forgets"];
const sentences = Array.from({ length: 300 }, (_, i) => {
  const pick = (list: readonly string[], by: number) => list[Math.floor(i * by) % list.length];
  return `${pick(subjects, 1.3)} ${pick(verbs, 2.7)} ${pick(subjects, 3.1)}.`;
});
writeFileSync(path("sea.txt"), `${sentences.join("\n")}\n`);
const train = ["train", "--data", `text:${path("sea.txt")}`, "--hidden", "24", "--epochs", "2", "--seed", "1"];

describe("a language model", () => {
  const [trained, packed] = [path("lstm"), path("lstm-packed")];
  let result: AnyJson;

  it("is trained, packed and evaluated, with the same loss packed as trained", async () => {
    result = await runJson([...train, "--model", "lstm", "--precision", "w4a4", "--out", trained]);
    expect(result).toMatchObject({
      out: trained,
      model: "lstm",
      level: "char",
      precision: "w4a4",
      hidden: 24,
      epochs: 2,
    });
    expect(result.steps).toBeGreaterThanOrEqual(400); // two hundred an epoch
    expect(result.bitsPerCharacter).toBeCloseTo(result.loss / Math.LN2, 10);
    expect(result.perplexity).toBeCloseTo(Math.exp(result.loss), 10);
    expect(result.bitsPerCharacter).toBeLessThan(2); // 26 signs by chance: 4.7
    const conversion = await runJson(["convert", trained, "--out", packed]);
    expect(conversion).toMatchObject({ precision: "w4a4", packedLayers: 1, packedBytes: result.packedBytes });
    expect(conversion.packedBytes).toBeLessThan(conversion.latentBytes / 2);
    const fake = await runJson(["eval", trained, "--build", "portable"]);
    const real = await runJson(["eval", packed, "--build", "portable"]);
    const { loss, perplexity, bitsPerCharacter, tokens } = result;
    expect(fake).toMatchObject({ kind: "trained", loss, perplexity, bitsPerCharacter, tokens });
    expect(real).toMatchObject({ kind: "packed", loss, perplexity, bitsPerCharacter, tokens });
    expect(real.tokensPerSecond).toBeGreaterThan(0);
    expect(real.packedBytes).toBe(conversion.packedBytes);
    expect(real.kernels.map((each: AnyJson) => [each.layer, each.wBits, each.aBits])).toEqual(
      expect.arrayContaining([
        ["layer0", 4, 4],
        ["output", 32, 32],
      ]),
    );
  });

  it("goes on with a text, trained or packed, the same for a seed", async () => {
    const sample = ["--prompt", "the wh", "--length", "60", "--seed", "3", "--build", "portable"];
    const [one, two] = [await runJson(["sample", trained, ...sample]), await runJson(["sample", packed, ...sample])];
    expect(one.text).toBe(two.text);
    expect(one).toMatchObject({ prompt: "the wh", tokens: 60, seed: 3 });
    expect(one.text).toHaveLength(60);
    const plain = await runLowbit(["sample", packed, "--prompt", "the wh", "--length", "20", "--temperature", "0"]);
    expect(plain.stdout).toMatch(/^the wh[\s\S]{20}\n$/);
    expect(plain.stdout).toContain("the whale");
  });

  it("reads words", async () => {
    const words = path("gru");
    const made = await runJson([...train, "--model", "gru", "--level", "word", "--precision", "w2a4", "--out", words]);
    expect(made).toMatchObject({ model: "gru", level: "word", vocabulary: 13 });
    expect(made.perplexity).toBeLessThan(13);
    expect(made.bitsPerCharacter).toBeLessThan((made.loss / Math.LN2) * 0.4); // a word is more than two and a half characters
    const { text } = await runJson([
      "sample",
      words,
      "--prompt",
      "The whale sees",
      "--length",
      "4",
      "--temperature",
      "0",
    ]);
    expect(text).toMatch(/^ (the|a|my) /);
  });

  it("stops and goes on, bit for bit", async () => {
    const stopped = path("stopped");
    const words = [...train, "--model", "lstm", "--precision", "w4a4", "--out", stopped];
    const first = await runLowbit(words, { interruptAt: "epoch 1/2" });
    expect(first.code).toBe(130);
    const again = await runJson([...words, "--resume"]);
    expect(again).toEqual({ ...result, out: stopped });
    expect(contentOf(stopped)).toEqual(contentOf(trained));
  });
});

describe("mistakes", () => {
  it.each([
    [
      ["train", "--model", "lstm", "--data", "fashion-mnist-mini", "--out", path("x")],
      2,
      /no text "fashion-mnist-mini"[\s\S]*text:FILE/,
    ],
    [["train", "--model", "lstm", "--data", `text:${path("none.txt")}`, "--out", path("x")], 2, /can't be opened/],
    [
      ["train", "--model", "resnet8", "--data", `text:${path("sea.txt")}`, "--out", path("x")],
      2,
      /there is no data set of images[\s\S]*--model lstm/,
    ],
    [[...train, "--model", "lstm", "--augment", "flip", "--out", path("x")], 2, /no field "augment"/],
    [
      ["train", "--model", "resnet8", "--data", "fashion-mnist-mini", "--hidden", "4", "--out", path("x")],
      2,
      /no field "hidden"/,
    ],
    [[...train, "--model", "lstm", "--batch", "9000", "--out", path("x")], 2, /--batch/],
    [[...train, "--model", "gru", "--precision", "w9a1", "--out", path("x")], 2, /--precision/],
    [["sample", path("none"), "--prompt", "a"], 2, /no language model/],
  ])("%j", async (words, code, message) => {
    const ended = await runLowbit(words);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toBe("");
  });

  it("tells a damaged folder from a whole one", async () => {
    const folder = path("lstm-packed");
    const manifest = readFileSync(join(folder, "manifest.json"), "utf8");
    writeFileSync(join(folder, "manifest.json"), manifest.replace(/"hidden": ?24/g, '"hidden":25'));
    expect((await runLowbit(["eval", folder])).code).toBe(65);
    writeFileSync(join(folder, "manifest.json"), manifest);
    const predicted = await runLowbit(["inspect", folder]);
    expect(predicted.code).toBe(2);
    expect(predicted.stderr).toMatch(/is a language model/);
  });
});
