import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const path = (name: string): string => join(work, name);
const places = ["port", "mast", "galley", "reef"];
const texts = Array.from({ length: 240 }, (_, i) => {
  const label = i % 3 === 0 ? "calm" : "storm";
  const words = label === "calm" ? "a quiet sea at the" : "the wind howls over the";
  return JSON.stringify({ label, text: `${words} ${places[i % 4]} ${i % 5 === 0 ? "tonight and always" : ""}` });
});
writeFileSync(path("sea.jsonl"), texts.join("\n"));
writeFileSync(path("letter.txt"), "The wind howls at the galley.");

it("a text classifier is trained, packed, evaluated and asked", async () => {
  const [trained, packed] = [path("gru"), path("gru-packed")];
  const train = ["train", "--model", "gru", "--data", `labelled-text:${path("sea.jsonl")}`, "--level", "word"];
  const settings = ["--hidden", "12", "--steps", "10", "--batch", "16", "--epochs", "5", "--precision", "w4a4"];
  const result = await runJson([...train, ...settings, "--seed", "1", "--threads", "1", "--out", trained]);
  expect(result).toMatchObject({ model: "gru", level: "word", classes: 2, texts: 24, hidden: 12 });
  expect(result.accuracy).toBeGreaterThan(95); // two thirds by always saying one
  const conversion = await runJson(["convert", trained, "--out", packed]);
  expect(conversion).toMatchObject({ precision: "w4a4", packedLayers: 1, packedBytes: result.packedBytes });
  const real = await runJson(["eval", packed, "--build", "portable"]);
  const { accuracy, loss } = result;
  expect(real).toMatchObject({ kind: "packed", accuracy, texts: 24 });
  expect(real.loss).toBeCloseTo(loss, 6);
  const prediction = await runJson(["predict", path("letter.txt"), "--model", packed]);
  expect(prediction.classes.map(({ name }: { name: string }) => name)).toEqual(["storm", "calm"]);
  expect(prediction.classes[0].probability).toBeGreaterThan(0.8);
  const sampled = await runLowbit(["inspect", packed]);
  expect(sampled).toMatchObject({ code: 2, stderr: expect.stringMatching(/classifies texts[\s\S]*predict/) });
});
