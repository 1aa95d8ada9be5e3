import { createEngine, input, matmul, type Tensor } from "@lowbit/core-tensor";
import { createModel, type Model } from "@lowbit/nn";
import { convert, createRegistry, prepare } from "@lowbit/quant";
import { describe, expect, it } from "vitest";
import { computeCost, plugin, readLayers } from "../src/index.js";

const resnet8 = (width: number, firstLayerWidth = width): Model =>
  createModel("resnet8", { inputShape: [1, 28, 28], classes: 10, width, firstLayerWidth });
const logitsOf = (model: Model): Tensor => model.forward(input("images", [1, 1, 28, 28]), { training: false });
const registry = createRegistry(plugin);

/** Of resnet8 on 28 × 28, by hand: outputs · inputs of each. */
const macs = {
  conv1: 28 * 28 * 16 * (1 * 9),
  "stage1.block0.conv1": 28 * 28 * 16 * (16 * 9),
  "stage1.block0.conv2": 28 * 28 * 16 * (16 * 9),
  "stage2.block0.conv1": 14 * 14 * 32 * (16 * 9),
  "stage2.block0.conv2": 14 * 14 * 32 * (32 * 9),
  "stage2.block0.shortcut": 14 * 14 * 32 * 16,
  "stage3.block0.conv1": 7 * 7 * 64 * (32 * 9),
  "stage3.block0.conv2": 7 * 7 * 64 * (64 * 9),
  "stage3.block0.shortcut": 7 * 7 * 64 * 32,
  classifier: 10 * 64,
};
const outer = ["conv1", "classifier"];

describe("readLayers", () => {
  it("counts the MACs and weights of a plain network", () => {
    const layers = readLayers(logitsOf(resnet8(1)));
    expect(Object.fromEntries(layers.map(({ name, macs: count }) => [name, count]))).toEqual(macs);
    expect(layers.every(({ weightBits, inputBits }) => weightBits === 32 && inputBits === 32)).toBe(true);
    expect(layers.find(({ name }) => name === "stage2.block0.conv1")?.weightElements).toBe(32 * 16 * 9);
  });

  it("counts the whole batch", () => {
    const batch = resnet8(1).forward(input("images", [5, 1, 28, 28]), { training: false });
    expect(readLayers(batch).map((layer) => layer.macs)).toEqual(Object.values(macsInOrder(batch)).map((n) => n * 5));
  });

  it("gives a precision to all but the first and the last layer", () => {
    for (const { name, weightBits, inputBits } of readLayers(logitsOf(resnet8(1)), { precision: "w2a4" })) {
      expect([name, weightBits, inputBits]).toEqual(outer.includes(name) ? [name, 32, 32] : [name, 2, 4]);
    }
  });

  it("reads the same layers from a prepared and from a packed network", async () => {
    const options = { precision: "w2a4", scheme: registry.scheme("wrpn"), registry };
    const prepared = await prepare(resnet8(1), options);
    const expected = sorted(readLayers(logitsOf(resnet8(1)), { precision: "w2a4" }));
    expect(sorted(readLayers(logitsOf(prepared)))).toEqual(expected);
    const engine = await createEngine({ backend: "js" });
    expect(sorted(readLayers((await convert(prepared, engine)).output))).toEqual(expected);
    await engine.close();
  });

  it("reads the bits of weights whose inputs stay in full precision", async () => {
    const prepared = await prepare(resnet8(1), { precision: "w2a32", scheme: registry.scheme("wrpn"), registry });
    for (const { name, weightBits, inputBits } of readLayers(logitsOf(prepared))) {
      expect([name, weightBits, inputBits]).toEqual([name, outer.includes(name) ? 32 : 2, 32]);
    }
  });

  it("shows that twice the width costs not quite four times the MACs", () => {
    const baseline = readLayers(logitsOf(resnet8(1)));
    const { total } = computeCost(readLayers(logitsOf(resnet8(2)), { precision: "w2a2" }), { baseline });
    const inner = Object.entries(macs).filter(([name]) => !outer.includes(name));
    const innerMacs = inner.reduce((sum, [, count]) => sum + count, 0);
    const outerMacs = macs.conv1 + macs.classifier;
    expect(total.macs).toBe(4 * innerMacs + 2 * outerMacs);
    expect(total.relativeCost).toBeCloseTo(
      (4 * innerMacs * 4 + 2 * outerMacs * 64) / ((innerMacs + outerMacs) * 64),
      12,
    );
  });

  it("reads a network whose first layer stays at 1x", () => {
    const baseline = readLayers(logitsOf(resnet8(1)));
    const layers = readLayers(logitsOf(resnet8(2, 1)), { precision: "w2a2" });
    expect(layers.map(({ name }) => name)).toContain("stage1.block0.shortcut");
    expect(computeCost(layers, { baseline }).total.macRatio).toBeGreaterThan(3);
  });

  it("takes products of two data tensors for no layer", () => {
    const x = input("x", [4, 4]);
    expect(() => readLayers(matmul(x, x))).toThrow("a network with conv2d or matmul layers");
  });
});

type Layers = ReturnType<typeof readLayers>;
const sorted = (layers: Layers): Layers => [...layers].sort((a, b) => a.name.localeCompare(b.name));

function macsInOrder(output: Tensor): number[] {
  return readLayers(output).map(({ name }) => macs[name as keyof typeof macs]);
}
