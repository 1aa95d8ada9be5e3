import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { contentOf } from "./folder-content.js";
import { type AnyJson, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const folder = (name: string): string => join(work, name);
const data = ["--data", "fashion-mnist-mini"];

describe("train, convert, eval", () => {
  const trained = folder("resnet8");
  const packed = folder("resnet8-packed");
  const experiment = [
    "--model",
    "resnet8",
    ...data,
    "--precision",
    "w2a2",
    "--epochs",
    "1",
    "--limit",
    "192",
    "--seed",
    "1",
  ];

  it("gives the same accuracy and loss for the fake-quantized and the packed network, on wasm and on js", async () => {
    const result = await runJson(["train", ...experiment, "--out", trained]);
    expect(result).toMatchObject({
      out: trained,
      model: "resnet8",
      precision: "w2a2",
      epochs: 1,
      steps: 3,
      images: 192,
    });
    const conversion = await runJson(["convert", trained, "--out", packed]);
    expect(conversion.packedBytes).toBeLessThan(conversion.latentBytes / 10);

    // Training runs on the portable build; without --build, evaluation takes the fastest one that works here.
    const fake = await runJson(["eval", trained, "--build", "portable"]);
    const real = await runJson(["eval", packed, "--build", "portable"]);
    const [fastFake, fastReal] = [await runJson(["eval", trained]), await runJson(["eval", packed])];
    expect(fastReal).toMatchObject({ accuracy: fastFake.accuracy, loss: fastFake.loss, build: fastFake.build });
    expect(fake).toMatchObject({ kind: "trained", accuracy: result.accuracy, loss: result.loss, images: 192 });
    expect(real).toMatchObject({ kind: "packed", accuracy: fake.accuracy, loss: fake.loss, images: 192 });
    expect(real.latentBytes).toBe(fake.latentBytes);
    expect(real.packedBytes).toBe(conversion.packedBytes);
    expect(real.imagesPerSecond).toBeGreaterThan(0);
    for (const { kernels } of [fake, real]) {
      expect(kernels).toHaveLength(10);
      expect(kernels[0]).toEqual({ layer: "conv1", kernel: expect.any(String), wBits: 32, aBits: 32 });
      expect(kernels[1]).toEqual({ layer: "stage1.block0.conv1", kernel: expect.any(String), wBits: 2, aBits: 2 });
    }
    const [fakeOnJs, realOnJs] = [
      await runJson(["eval", trained, "--backend", "js", "--limit", "20"]),
      await runJson(["eval", packed, "--backend", "js", "--limit", "20"]),
    ];
    expect(realOnJs).toMatchObject({ accuracy: fakeOnJs.accuracy, loss: fakeOnJs.loss, backend: "js" });
  });

  it.each([
    ["twn", "w2a8"],
    ["bwn", "w1a4"],
    ["xnor", "w1a1"],
    ["dorefa", "w3a2"],
    ["ttq", "w2a4"],
    ["lsq-plus", "w4a4"],
  ])("does so with --quantizer %s --precision %s", async (quantizer, precision) => {
    const [out, real] = [folder(quantizer), folder(`${quantizer}-packed`)];
    const words = ["--model", "resnet8", ...data, "--precision", precision, "--epochs", "1", "--limit", "64"];
    const result = await runJson(["train", ...words, "--quantizer", quantizer, "--out", out]);
    expect(result).toMatchObject({ quantizer, precision });
    expect(await runJson(["convert", out, "--out", real])).toMatchObject({ quantizer, precision, packedLayers: 8 });
    const packedResult = await runJson(["eval", real, "--build", "portable"]);
    expect(packedResult).toMatchObject({ kind: "packed", accuracy: result.accuracy, loss: result.loss });
  });

  it("takes --override, keeps it in the network, and tells how codes are used after each epoch", async () => {
    const [out, real] = [folder("mixed"), folder("mixed-packed")];
    const words = ["train", "--model", "resnet8", ...data, "--precision", "w2a2", "--epochs", "1", "--limit", "64"];
    const overrides = ["--override", "stage1.*=w4a8:uniform", "--override", "stage2.*=fp32"];
    const { code, stdout, stderr } = await runLowbit([...words, ...overrides, "--out", out, "--json"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /codes: weights \d+ to \d+ % zeros, 0 % clipped|codes: weights .* zeros, .* clipped; inputs .* zeros/,
    );
    const lines: AnyJson[] = readFileSync(join(out, "log.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [{ epoch, layers: told }] = lines.filter(({ event }) => event === "codes");
    expect(epoch).toBe(0);
    for (const { zeros, clipped, histogram } of told) {
      expect([zeros, clipped].every((share) => share >= 0 && share <= 1)).toBe(true);
      expect(histogram.reduce((sum: number, count: number) => sum + count, 0)).toBeGreaterThan(0);
    }
    const { layers } = await runJson(["inspect", out]);
    expect(told.map(({ layer, slot }: AnyJson) => `${layer} ${slot}`)).toContain("stage1.block0.conv1 weight");
    const bits = (name: string) =>
      layers.filter((each: AnyJson) => each.layer.startsWith(name)).map((each: AnyJson) => each.wBits);
    expect(new Set(bits("stage1"))).toEqual(new Set([4]));
    expect(new Set(bits("stage2"))).toEqual(new Set([32]));
    expect(new Set(bits("stage3"))).toEqual(new Set([2]));
    await runJson(["convert", out, "--out", real]);
    const { accuracy, loss } = JSON.parse(stdout);
    expect(await runJson(["eval", real, "--build", "portable"])).toMatchObject({ accuracy, loss });
    const refused = await runLowbit([...words, "--override", "stage9.*=w4a8", "--out", folder("none")]);
    expect(refused.code).toBe(78);
    expect(refused.stderr).toContain("overrides[0] (stage9.*) matches no layer of resnet8");
    expect(existsSync(folder("none"))).toBe(false);
  });

  it("takes quantizer options, quantized gradients and a frozen or folded batch norm, and packs what it trained", async () => {
    const [out, real] = [folder("options"), folder("options-packed")];
    const words = ["train", "--model", "simple-cnn", ...data, "--epochs", "2", "--limit", "64"];
    const observed = ["--quantizer", "affine", "--precision", "w4a4", "--quantizer-option", "observer=percentile:99"];
    const result = await runJson([...words, ...observed, "--freeze-batch-norm", "1", "--out", out]);
    await runJson(["convert", out, "--out", real]);
    const { accuracy, loss } = result;
    expect(await runJson(["eval", real, "--build", "portable"])).toMatchObject({ accuracy, loss });
    const perTensor = ["--quantizer", "uniform", "--precision", "w4a4", "--quantizer-option", "granularity=per-tensor"];
    const [folded, foldedReal] = [folder("folded"), folder("folded-packed")];
    const ended = await runJson([...words, ...perTensor, "--fold-batch-norm", "1", "--out", folded]);
    await runJson(["convert", folded, "--out", foldedReal]);
    expect(await runJson(["eval", foldedReal, "--build", "portable"])).toMatchObject({
      accuracy: ended.accuracy,
      loss: ended.loss,
    });
    const rounded = ["--quantizer", "dorefa", "--precision", "w2a4g4", "--out", folder("gradients")];
    expect(await runJson([...words, ...rounded])).toMatchObject({ precision: "w2a4g4" });
    for (const [wrong, message] of [
      [["--quantizer-option", "observer=entropie"], "did you mean entropy?"],
      [["--quantizer-option", "observer"], "NAME=VALUE"],
      [["--freeze-batch-norm", "3"], "batch norm can't be frozen in 3 of 2 epochs"],
      [["--fold-batch-norm", "1", "--freeze-batch-norm", "1"], "batch norm that is folded is frozen already"],
      [
        ["--fold-batch-norm", "1", "--precision", "w4a4", "--quantizer", "wrpn"],
        "the levels of wrpn-weight are made once or have a fixed size\n  where  --fold-batch-norm",
      ],
      [["--precision", "w4a4g4"], 'scheme "uniform" has no 4-bit quantizer for gradients'],
    ] as const) {
      const refused = await runLowbit([...words, "--quantizer", "uniform", ...wrong, "--out", folder("none")]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain(message);
    }
    expect(existsSync(folder("none"))).toBe(false);
  });

  it("inspects both", async () => {
    const fake = await runJson(["inspect", trained]);
    const real = await runJson(["inspect", packed]);
    expect(real.layers.map(({ layer, macs, wBits }: AnyJson) => [layer, macs, wBits])).toEqual(
      fake.layers.map(({ layer, macs, wBits }: AnyJson) => [layer, macs, wBits]),
    );
    // 3·3 window, 16 → 16 channels, 28·28 positions
    expect(real.layers[1]).toMatchObject({ parameters: 2304, packedBytes: 576, macs: 2304 * 784, inputEdge: "codes" });
    expect(real.codeEdges).toBe(8);
  });
});

describe("a run", () => {
  const mlp = ["train", "--model", "mlp", ...data, "--epochs", "6", "--limit", "2000", "--seed", "7"];
  const whole = folder("whole");

  it("that is finished gives the same result again", async () => {
    const first = await runJson([...mlp, "--out", whole]);
    const again = await runLowbit([...mlp, "--out", whole, "--resume", "--json"]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual(first);
    expect(again.stderr).toContain("is finished");
  });

  it("that Ctrl-C stopped says how to go on, and goes on bit for bit on another number of threads", async () => {
    const stopped = folder("stopped");
    const run = [...mlp, "--out", stopped, "--threads", "2"];
    const { code, stdout, stderr } = await runLowbit(run, { interruptAt: "epoch 2/6" });
    expect(code).toBe(130);
    expect(stdout).toBe("");
    const line = stderr.split("\n").find((each) => each.includes("--resume")) as string;
    const words = line.trim().split(" ");
    const start = words.indexOf("train");
    expect(words.slice(start)).toEqual([...run, "--resume"]);
    const resumed = await runLowbit([...words.slice(start), "--threads", "1"]);
    expect(resumed.stderr).toMatch(/going on after step \d+ of 192/);
    expect(resumed.code).toBe(0);
    expect(contentOf(stopped)).toEqual(contentOf(whole));
  });

  it("is not resumed as another", async () => {
    const seed = await runLowbit([...mlp.slice(0, -1), "8", "--out", whole, "--resume"]);
    expect(seed).toMatchObject({ code: 78, stdout: "" });
    expect(seed.stderr).toContain("seed was 7 and is 8");
    const precision = await runLowbit([...mlp, "--precision", "w4a4", "--out", whole, "--resume"]);
    expect(precision).toMatchObject({ code: 78, stdout: "" });
    expect(precision.stderr).toContain('precision was "fp32" and is "w4a4"');
  });

  it("is not written over", async () => {
    const { code, stderr } = await runLowbit([...mlp, "--out", whole]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/is not empty[\s\S]*--resume/);
  });

  it("starts from the beginning, and says so, where there is none to resume", async () => {
    const out = folder("nothing-there");
    const words = ["train", "--model", "mlp", ...data, "--epochs", "1", "--limit", "64", "--out", out, "--resume"];
    const { code, stderr } = await runLowbit(words);
    expect(code).toBe(0);
    expect(stderr).toContain("starting from the beginning");
  });

  it("ends at once when Ctrl-C comes twice", async () => {
    const words = ["train", "--model", "resnet20", ...data, "--batch", "512", "--out", folder("twice")];
    const { code } = await runLowbit(words, {
      onStderr: (_, kill) => kill("SIGINT"),
      env: { LOWBIT_FAULT: "short@7" }, // says something on the error stream, harmlessly, once the run has begun
    });
    expect(code).toBe(130);
  });
});

describe("an experiment file", () => {
  it("trains what the same options train", async () => {
    const file = folder("experiment.json");
    const fields = {
      model: "mlp",
      data: "fashion-mnist-mini",
      epochs: 1,
      limit: 128,
      learningRate: 0.05,
      optimiser: "adamw",
    };
    writeFileSync(file, JSON.stringify({ $schema: "./experiment.schema.json", ...fields }));
    await runJson(["train", file, "--out", folder("by-file")]);
    const options = ["--epochs", "1", "--limit", "128", "--learning-rate", "0.05", "--optimiser", "adamw"];
    await runJson(["train", "--model", "mlp", ...data, ...options, "--out", folder("by-options")]);
    expect(contentOf(folder("by-file"))).toEqual(contentOf(folder("by-options")));
  });

  it.each([
    [
      "a field that is unknown",
      { model: "mlp", data: "fashion-mnist-mini", epocs: 3 },
      78,
      /epocs[\s\S]*did you mean epochs\?/,
    ],
    ["a value out of range", { model: "mlp", data: "fashion-mnist-mini", batch: 0 }, 78, /batch can't be 0/],
    ["a model that nobody has", { model: "resnet9", data: "fashion-mnist-mini" }, 78, /did you mean resnet8\?/],
    ["a field twice", '{"model": "mlp", "model": "mlp", "data": "fashion-mnist-mini"}', 65, /comes twice/],
    ["no JSON", "model: mlp", 65, /line 1, column 1/],
  ])("with %s is refused", async (_, content, expected, message) => {
    const file = folder("bad.json");
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    const { code, stdout, stderr } = await runLowbit(["train", file, "--out", folder("never")]);
    expect(code).toBe(expected);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(folder("never"))).toBe(false);
  });
});

describe("a plugin", () => {
  const site = folder("site");
  const installed = join(site, "node_modules/lowbit-quantizer-thirds");
  mkdirSync(installed, { recursive: true });
  const manifest = { name: "lowbit-quantizer-thirds", type: "module", exports: { ".": { import: "./thirds.js" } } };
  writeFileSync(join(installed, "package.json"), JSON.stringify(manifest));
  const source = `
    const scheme = { name: "thirds", version: 1, bits: () => [], choose: () => undefined };
    export const plugin = { quantizers: [], schemes: [scheme] };`;
  writeFileSync(join(installed, "thirds.js"), source);

  it("is loaded when the working folder's configuration names it, or --plugin, and not otherwise", async () => {
    const names = async (words: string[]) =>
      (await runJson(["list", "schemes", ...words], { cwd: site })).schemes.map(({ name }: AnyJson) => name);
    const own = await names([]);
    expect(own).toEqual(expect.arrayContaining(["uniform", "twn", "wrpn"]));
    expect(await names(["--plugin", "lowbit-quantizer-thirds"])).toEqual([...own, "thirds"]);
    writeFileSync(join(site, "lowbit.config.json"), JSON.stringify({ plugins: ["lowbit-quantizer-thirds"] }));
    expect(await names([])).toEqual([...own, "thirds"]);
  });

  it("is refused where it would load another copy of the tensors, as one that npm links from a folder does", async () => {
    const [author, other] = [folder("author/lowbit-quantizer-thirds"), folder("linked")];
    const copy = join(author, "node_modules/@lowbit/core-tensor");
    mkdirSync(copy, { recursive: true });
    mkdirSync(join(other, "node_modules"), { recursive: true });
    writeFileSync(join(author, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(author, "thirds.js"), source);
    writeFileSync(join(copy, "package.json"), JSON.stringify({ name: "@lowbit/core-tensor" }));
    symlinkSync(author, join(other, "node_modules/lowbit-quantizer-thirds"));
    const words = ["list", "schemes", "--plugin", "lowbit-quantizer-thirds"];
    const { code, stderr } = await runLowbit(words, { cwd: other });
    expect(code).toBe(78);
    expect(stderr).toMatch(/brings a copy of @lowbit\/core-tensor of its own[\s\S]*--install-links/);
  });

  it.each([
    ["./thirds.js", /can't be called/],
    ["../lowbit-quantizer-thirds", /can't be called/],
    ["lowbit-quantizer-fourths", /not installed[\s\S]*npm install lowbit-quantizer-fourths/],
  ])("called %s is refused", async (name, message) => {
    const { code, stderr } = await runLowbit(["list", "schemes", "--plugin", name], { cwd: site });
    expect(code).toBe(78);
    expect(stderr).toMatch(message);
  });
});
