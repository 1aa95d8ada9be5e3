import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openStorage } from "@lowbit/core-tensor/storage";
import { builtIns, createRegistry } from "@lowbit/quant";
import { defineStudy, type Trial, testAccuracy } from "@lowbit/sweep";
import { plugin as wrpn } from "@lowbit/wrpn";
import { expect, it } from "vitest";
import { runTrial } from "../src/run-trial.js";
import { temporaryFolder } from "./run-lowbit.js";

const small = { data: "fashion-mnist-mini", limit: 96, augment: "flip", epochs: 2, learningRate: 0.05 };
const teacher: Trial = { key: "teacher", configuration: { ...small, model: "mlp", seed: 0 } };
const taught = (key: string, more: Trial["configuration"]): Trial => {
  const student = { student: "mlp", precision: "w2a8", quantizer: "twn", teacher: "trial teacher", seed: 1 };
  return { key, configuration: { ...small, ...student, ...more } };
};
const trials = [teacher, taught("b", { scheme: "b" }), taught("c", { scheme: "c" })];
const study = defineStudy({
  name: "tiny",
  version: 1,
  metric: testAccuracy,
  about: "two ways to learn from one teacher",
  trials,
  judge: () => [],
});
const out = temporaryFolder();

const run = (trial: Trial) =>
  runTrial(
    study,
    trial,
    { command: "a test", commit: null },
    {
      ...{
        storage: openStorage(),
        registry: createRegistry(builtIns, wrpn),
        signal: new AbortController().signal,
        out,
      },
      ...{ backend: "wasm", threads: 1, progress: false },
    },
  );

it("a trial learns from the network of another, which is kept for it, trained again where it is gone, and asked once", async () => {
  const { result: own } = await run(teacher);
  expect(readdirSync(join(out, "networks"))).toEqual(["teacher"]);
  rmSync(join(out, "networks"), { recursive: true });
  const { result: b } = await run(trials[1]);
  expect(b).toMatchObject({ teacherAccuracy: own.accuracy, cacheHit: 0, epoch2Accuracy: b.accuracy });
  expect(b).toMatchObject({ distillationLoss: expect.any(Number), epoch1Accuracy: expect.any(Number) });
  const { result: c, made } = await run(trials[2]);
  expect(c).toMatchObject({ cacheHit: 1, teacherSeconds: 0 }); // the same images, in the same order of the same seed
  expect(made).toMatchObject({ command: "a test", threads: 1 });
  expect(readdirSync(join(out, "unfinished"))).toEqual([]);
  expect(existsSync(join(out, "networks", "teacher", "manifest.json"))).toBe(true);
});

it("a trial with a simulation tells what skipping zeros gains each layer of the network that it has trained", async () => {
  const simulation = { images: 2, machine: { mode: "event", gridRows: 2, gridColumns: 2, dramBitsPerCycle: 65_536 } };
  const configuration = {
    ...{ ...small, model: "simple-cnn", width: 0.25, seed: 1, precision: "w2a32", quantizer: "twn", simulation },
    ...{ fp32Epochs: 1, activationPenalty: 0.01, reluThreshold: 0.1, schedule: "plateau", plateauFactor: 0.5 },
  };
  const { result } = await run({ key: "sparse", configuration });
  const layers = Object.keys(result).filter((name) => name.startsWith("skipGain"));
  expect(layers.at(0)).toBe("skipGain 01 conv1");
  expect(layers.at(-1)).toMatch(/ classifier$/);
  expect(result["weightDensity 01 conv1"]).toBe(1); // never lowered
  expect(result["skipGain 02 conv2"]).toBeGreaterThan(1.2);
  expect(result["weightDensity 02 conv2"]).toBeLessThan(0.9);
  expect(result.executedMacs).toBeLessThan(result.macs);
  expect(result.cycles).toBeLessThan(result.denseCycles);
});
