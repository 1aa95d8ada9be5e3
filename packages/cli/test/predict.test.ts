import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDataset } from "@lowbit/data";
import { describe, expect, it } from "vitest";
import { makePng } from "./make-png.js";
import { type AnyJson, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const asset = (name: string): string => fileURLToPath(new URL(`../assets/${name}`, import.meta.url));

describe("predict", () => {
  it("knows an ankle boot, dark on white, by the network that comes along", async () => {
    const { classes, inverted } = await runJson(["predict", asset("ankle-boot.png"), "--top", "10"]);
    expect(classes).toHaveLength(10);
    expect(classes[0].name).toBe("Ankle boot");
    expect(classes.reduce((sum: number, { probability }: AnyJson) => sum + probability, 0)).toBeCloseTo(1, 9);
    expect(inverted).toBe(true);
  });

  it("is right about most of the test images, each read from a file of its own", async () => {
    const { test, classes } = await openDataset("fashion-mnist-mini");
    let right = 0;
    for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const file = join(work, `${index}.png`);
      writeFileSync(file, makePng(28, 28, test.images.subarray(index * 784, (index + 1) * 784)));
      const found = await runJson(["predict", file, "--invert", "no"]);
      if (found.classes[0].name === classes[test.labels[index]]) right++;
    }
    expect(right).toBeGreaterThanOrEqual(5);
  });

  it("gives the same classes on js, on wasm and on gpu", async () => {
    const [js, wasm, gpu] = await Promise.all(
      ["js", "wasm", "gpu"].map((backend) => runJson(["predict", asset("ankle-boot.png"), "--backend", backend])),
    );
    for (const { classes } of [wasm, gpu]) {
      expect(classes.map(({ name }: AnyJson) => name)).toEqual(js.classes.map(({ name }: AnyJson) => name));
    }
  });
});

describe("the network that comes along", () => {
  it("is small, low in bits, and right about most of the test images", async () => {
    const found = await runJson(["eval", asset("resnet8-fashion-mnist-w2a2")]);
    expect(found.images).toBe(2000);
    expect(found.accuracy).toBeGreaterThan(80);
    expect(found.packedBytes).toBeLessThan(100_000);
    expect(found.kernels.filter(({ wBits, aBits }: AnyJson) => wBits === 2 && aBits === 2)).toHaveLength(8);
  });
});

describe("what the other verbs print", () => {
  it("the experiment's schema is the one that is published", async () => {
    const published = JSON.parse(readFileSync(new URL("../experiment.schema.json", import.meta.url), "utf8"));
    expect(await runJson(["schema"])).toEqual(published);
  });

  it.each(["quantizers", "schemes", "models", "datasets"])("list %s", async (kind) => {
    const found = await runJson(["list", kind]);
    expect(found[kind].length).toBeGreaterThan(1);
    const { stdout } = await runLowbit(["list", kind]);
    for (const { name } of found[kind]) expect(stdout).toContain(name);
  });

  it("data info", async () => {
    const found = await runJson(["data", "info", "fashion-mnist-mini"]);
    expect(found).toMatchObject({ imageShape: [1, 28, 28], trainImages: 10_000, testImages: 2000 });
    expect(found.testImagesByClass).toEqual(new Array(10).fill(200));
  });

  it("inspect --model, with what is known of resnet8", async () => {
    const { layers, macsByPrecision } = await runJson(["inspect", "--model", "resnet8", "--precision", "w4a4"]);
    expect(layers.map(({ outputShape }: AnyJson) => outputShape[1])).toEqual([16, 16, 16, 32, 32, 32, 64, 64, 64, 10]);
    expect(Object.keys(macsByPrecision)).toEqual(["fp32", "w4a4"]);
  });

  it("inspect --kernels: what a network runs on once it is packed, and the rule that chose it", async () => {
    const words = [
      "inspect",
      "--model",
      "resnet8",
      "--width",
      "2",
      "--precision",
      "w2a2",
      "--kernels",
      "--build",
      "portable",
    ];
    const { layers } = await runJson(words);
    expect(layers[0]).toMatchObject({ kernel: "conv2d-f32-direct", kernelReason: expect.stringMatching(/f32/) });
    const codes = layers.filter(({ inputEdge }: AnyJson) => inputEdge === "codes");
    expect(codes).toHaveLength(8);
    for (const { kernel, kernelReason } of codes) {
      const costs = [...kernelReason.matchAll(/(\w+) (\d+)(?:,|$)/g)].map(([, name, cycles]) => [name, Number(cycles)]);
      expect(costs.length).toBeGreaterThanOrEqual(3);
      expect(kernel.endsWith(costs[0][0])).toBe(true);
      expect(Math.min(...costs.map(([, cycles]) => cycles))).toBe(costs[0][1]);
    }
    const { stdout } = await runLowbit(words);
    for (const { layer, kernel, kernelReason } of layers) {
      const line = stdout.split("\n").find((each) => each.startsWith(`${layer} `));
      expect(line).toContain(kernel);
      expect(line).toContain(kernelReason);
    }
  });

  it("inspect --kernels of a packed folder, on the reference too", async () => {
    const { stdout, code } = await runLowbit([
      "inspect",
      asset("resnet8-fashion-mnist-w2a2"),
      "--kernels",
      "--backend",
      "js",
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/stage1\.block0\.conv1 +w2a2 .*conv2dCodes-js +the reference of the operation/);
  });

  it("doctor", async () => {
    const { node, backends } = await runJson(["doctor"]);
    expect(node).toBe(process.version);
    expect(backends[0]).toMatchObject({ backend: "js", works: true });
    const gpu = backends.filter(({ backend }: AnyJson) => backend === "gpu");
    expect(gpu.map(({ build, works }: AnyJson) => [build, works])).toEqual([
      ["webgpu", false],
      ["webgl2", false],
      ["webasm", true],
      ["cpu", true],
    ]);
    expect(gpu[0].detail).toMatch(/no WebGPU adapter/);
  });

  it("help for every verb, with code 0", async () => {
    const { code, stdout } = await runLowbit(["--help"]);
    expect(code).toBe(0);
    const verbs = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, verb]) => verb).filter((verb) => verb !== "help");
    expect(verbs).toEqual(
      expect.arrayContaining(["train", "eval", "convert", "predict", "inspect", "data", "doctor", "demo"]),
    );
    for (const verb of verbs) expect((await runLowbit([verb, "--help"])).code).toBe(0);
  });
});
