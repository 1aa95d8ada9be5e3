import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
function file(name: string, content: string | object): string {
  const path = join(work, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const cfg = file(
  "scale.cfg",
  `[general]
run_name = test
[architecture_presets]
ArrayHeight: 32
ArrayWidth: 32
IfmapSramSzkB: 512
FilterSramSzkB: 512
OfmapSramSzkB: 256
Dataflow: ws
Bandwidth: 10
[sparsity]
SparsitySupport : false
[run_presets]
InterfaceBandwidth: CALC
`,
);
const alexnet = file("alexnet.csv", "Layer name, …,\nConv1, 224, 224, 11, 11, 3, 96, 4,\n");
const product = file("product.csv", "Layer Name, M, N, K,\nTest 1, 256, 128, 256,");
const grid = file("grid.json", { mode: "closed" });

describe("lowbit simulate", () => {
  it("takes SCALE-Sim's files as they are", async () => {
    const words = ["simulate", "--workload", alexnet, "--config", cfg];
    const reports = join(work, "reports");
    const { layers, total } = await runJson([...words, "--scalesim-compat", "--scalesim-reports", reports]);
    expect(readFileSync(join(reports, "COMPUTE_REPORT.csv"), "utf8")).toMatch(
      /^LayerID, Total Cycles \(incl\. prefetch\), Total Cycles, .*\n0, -?\d+, 112283, 0, 91\.68/,
    );
    expect(layers[0]).toMatchObject({ name: "Conv1", macs: 3025 * 96 * 363, cycles: 112283 });
    expect(total.overallUtilisation).toBeCloseTo(91.683, 3);
    const gemm = ["simulate", "--workload", product, "--workload-kind", "gemm", "--config", cfg, "--scalesim-compat"];
    expect((await runJson(gemm)).total.cycles).toBe(11199);
    expect((await runLowbit(words)).stderr).toMatch(/warning: .*\[sparsity\] is not used/);
  });

  it("runs a built-in network in both models of the grid", async () => {
    const words = [
      "simulate",
      "--model",
      "resnet8",
      "--precision",
      "w2a2",
      "--config",
      grid,
      "--w-density",
      "0.5",
      "--a-density",
      "0.4",
    ];
    const closed = await runJson(words);
    const event = await runJson([...words, "--mode", "event"]);
    expect(closed.mode).toBe("closed");
    expect(event.mode).toBe("event");
    expect(closed.layers[0].aDensity).toBe(1); // images
    expect(closed.layers[1]).toMatchObject({ wBits: 2, aBits: 2, wDensity: 0.5, aDensity: 0.4 });
    expect(closed.total.macs).toBe((await runJson(["cost", "--model", "resnet8"])).macs);
    expect(Math.abs(closed.total.cycles / event.total.cycles - 1)).toBeLessThan(0.1);
    const { cyclesBy, cycles } = event.total;
    expect(Object.values(cyclesBy as Record<string, number>).reduce((sum, part) => sum + part)).toBe(cycles);
  });

  it("runs a bit-fusion array by its defaults", async () => {
    const machine = file("fusion.json", { mode: "bit-fusion", rows: 16, columns: 32, dramBitsPerCycle: 4096 });
    const layer = {
      name: "conv2",
      type: "conv",
      H: 27,
      W: 27,
      C: 96,
      M: 256,
      R: 5,
      S: 5,
      padH: 2,
      padW: 2,
      batch: 16,
      wBits: 4,
      aBits: 4,
    };
    const { total } = await runJson([
      "simulate",
      "--workload",
      file("conv2.json", { layers: [layer] }),
      "--config",
      machine,
    ]);
    expect(total).toMatchObject({ macs: 7166361600, cycles: 4665659 });
  });

  it("counts the zeros of a trained network, of its weights and of what reaches each layer", async () => {
    const out = join(work, "trained");
    const experiment = [
      "--model",
      "simple-cnn",
      "--data",
      "fashion-mnist-mini",
      "--precision",
      "w2a2",
      "--limit",
      "64",
    ];
    await runJson(["train", ...experiment, "--epochs", "1", "--out", out]);
    const { layers } = await runJson(["simulate", "--checkpoint", out, "--config", grid, "--images", "8"]);
    const { layers: dense } = await runJson([
      "simulate",
      "--model",
      "simple-cnn",
      "--config",
      grid,
      "--input",
      "1,28,28",
    ]);
    expect(layers.map(({ name, macs }: never) => [name, macs])).toEqual(
      dense.map(({ name, macs }: never) => [name, macs]),
    );
    const quantized = layers.filter(({ wBits }: { wBits: number }) => wBits === 2);
    expect(quantized.length).toBeGreaterThan(0);
    for (const { wDensity, aDensity, executedMacs, macs } of quantized) {
      expect(wDensity).toBeGreaterThan(0.2); // ternary weights at g = 2 · std
      expect(wDensity).toBeLessThan(0.9);
      expect(aDensity).toBeLessThan(1);
      expect(executedMacs).toBeLessThan(macs);
    }
    expect(layers[0].wDensity).toBeGreaterThan(0.99); // fp32
    const packed = join(work, "packed");
    await runJson(["convert", out, "--out", packed, "--json"]);
    const { layers: ofPacked } = await runJson(["simulate", "--checkpoint", packed, "--config", grid, "--images", "8"]);
    const densities = (all: typeof layers) =>
      all.map(({ name, wBits, wDensity, aDensity }: never) => [name, wBits, wDensity, aDensity]);
    expect(densities(ofPacked)).toEqual(densities(layers)); // the same codes, the same zeros

    // place by place: in a product without padding, zero weights alone skip exactly their share
    const event = (skip: string) => {
      const machine = file(`${skip}.json`, { mode: "event", skip });
      return runJson(["simulate", "--checkpoint", packed, "--config", machine, "--images", "2"]);
    };
    const [byWeights, byBoth] = [await event("weights"), await event("both")];
    const { macs, wDensity, executedMacs } = byWeights.layers.at(-1);
    expect(executedMacs).toBe(Math.round(macs * wDensity));
    const weights = (all: typeof layers) => all.map(({ wDensity: density }: never) => density);
    expect(weights(byWeights.layers)).toEqual(weights(layers));
    expect(byBoth.total.macs).toBe(2 * dense.reduce((sum: number, layer: typeof layers) => sum + layer.macs, 0));
    expect(byBoth.total.executedMacs).toBeLessThan(byWeights.total.executedMacs);
    expect(byBoth.assumptions.join()).toContain("zeros are those of the values that were given");

    const refused = await runLowbit(["simulate", "--checkpoint", join(work, "nowhere"), "--config", grid]);
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
  });

  it("writes what it found as a page, as Markdown, as CSV and as JSON", async () => {
    const words = ["simulate", "--model", "resnet8", "--config", grid, "--w-density", "0.5", "--report"];
    const page = join(work, "page.html");
    await runJson([...words, page]);
    const html = readFileSync(page, "utf8");
    for (const heading of ["Roofline", "Cycles", "Energy", "Occupancy over time", "Area", "What zeros gain"])
      expect(html).toContain(heading);
    expect(html).not.toMatch(/<script|src="http/);
    await runJson([...words, join(work, "text.md")]);
    expect(readFileSync(join(work, "text.md"), "utf8")).toMatch(/text\/roofline\.svg/);
    await runJson([...words, join(work, "rows.csv")]);
    expect(readFileSync(join(work, "rows.csv"), "utf8")).toMatch(/^name,wBits/);
    const printed = await runJson([...words, join(work, "report.json")]);
    expect(JSON.parse(readFileSync(join(work, "report.json"), "utf8"))).toEqual(printed);

    const saved = join(work, "saved-workload.json");
    await runJson([...words.slice(0, -1), "--save-workload", saved]);
    expect((await runJson(["simulate", "--workload", saved, "--config", grid])).total).toEqual(printed.total);

    const again = join(work, "again.html");
    expect(await runJson(["simulate", "read", join(work, "report.json"), "--report", again])).toEqual(printed);
    expect(readFileSync(again, "utf8")).toBe(html);
    const spoiled = file("spoiled.json", { ...printed, total: { ...printed.total, cycles: 1 } });
    const { code, stderr } = await runLowbit(["simulate", "read", spoiled]);
    expect(stderr).toMatch(/cycles of total are not the sum/);
    expect(code).toBe(65);
  });

  it("ranks widths and precisions by measured accuracy and simulated energy", async () => {
    const record = (width: number, precision: string, seed: number, accuracy: number) =>
      file(`study/${width}-${precision}-${seed}.json`, {
        ...{ study: "tiny", version: 1, key: `${width}-${precision}-${seed}`, seconds: 1, result: { accuracy } },
        configuration: { model: "resnet8", data: "fashion-mnist", width, precision, seed },
        made: { command: "a test", commit: null, node: "20", backend: "wasm", threads: 1 },
      });
    mkdirSync(join(work, "study"));
    record(1, "fp32", 1, 90);
    record(1, "w1a1", 1, 80);
    record(1, "w1a1", 2, 82);
    record(2, "w2a2", 1, 91); // better than fp32, for less
    record(2, "w1a1", 1, 70); // twice as wide, and worse
    const chart = join(work, "front.html");
    const words = ["simulate", "pareto", "--study", join(work, "study"), "--model", "resnet8", "--config", grid];
    const { rows } = await runJson([...words, "--report", chart]);
    const energies = rows.map(({ energyPJ }: { energyPJ: number }) => energyPJ);
    expect(energies).toEqual([...energies].sort((a, b) => a - b));
    const front = rows.flatMap(({ width, precision, isOnFront }: never) =>
      isOnFront ? [`${width} ${precision}`] : [],
    );
    expect(front).toEqual(["1 w1a1", "2 w2a2"]);
    expect(rows[0].accuracy).toMatchObject({ count: 2, mean: 81 });
    expect(readFileSync(chart, "utf8")).toContain("Pareto front");
    expect((await runLowbit([...words.slice(0, 6), "--config", cfg])).code).toBe(2); // an array has one kind of element
  });

  it("sweeps over fields and technology tables", async () => {
    const words = ["simulate", "sweep", "--model", "resnet8", "--config", grid, "--over"];
    const { rows } = await runJson([
      ...words,
      "lanes=4,8",
      "--over",
      "skip=none,both",
      "--over",
      "technology=low,nominal,high",
    ]);
    expect(rows).toHaveLength(12);
    expect(rows[0].values).toEqual({ technology: "low", lanes: 4, skip: "none" });
    const energies = [0, 4, 8].map((index) => rows[index].energyPJ);
    expect(energies[0]).toBeLessThan(energies[1]);
    expect(energies[1]).toBeLessThan(energies[2]);
    expect((await runLowbit([...words, "lanes=0"])).stderr).toMatch(/lanes can't be 0/);
    expect((await runLowbit([...words, "lanes"])).stderr).toMatch(/FIELD=VALUE/);
  });

  it("prints a table for people, and what is assumed", async () => {
    const { code, stdout } = await runLowbit(["simulate", "--model", "resnet8", "--config", grid]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/per mm² .*TOPS dense-equivalent, .* executed/);
    expect(stdout).toMatch(/dLAC's grid, .* are not public/);
  });

  it.each([
    ["no network", ["--config", grid], 2, /--workload FILE, --model NAME or --checkpoint FOLDER/],
    ["no machine", ["--model", "resnet8"], 2, /--config/],
    ["a file that is not there", ["--model", "resnet8", "--config", join(work, "no.json")], 2, /no file/],
    ["a .cfg in another mode", ["--model", "resnet8", "--config", cfg, "--mode", "event"], 2, /systolic/],
    [
      "a field out of range",
      ["--model", "resnet8", "--config", file("bad.json", { mode: "closed", lanes: 0 })],
      78,
      /lanes can't be 0[\s\S]*from 1 to 1024/,
    ],
    ["a damaged workload", ["--workload", file("bad-net.json", "{"), "--config", grid], 65, /bad-net\.json/],
    ["a topology of the other kind", ["--workload", product, "--config", cfg], 65, /--workload-kind gemm/],
    ["a density that is none", ["--model", "resnet8", "--config", grid, "--w-density", "2"], 2, /--w-density/],
  ])("refuses %s", async (_, words, exit, message) => {
    const { code, stdout, stderr } = await runLowbit(["simulate", ...words]);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
    expect(code).toBe(exit);
  });
});
