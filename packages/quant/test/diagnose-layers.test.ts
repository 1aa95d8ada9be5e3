import { createEngine, createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { afterAll, describe, expect, it } from "vitest";
import { builtIns, collapseOf, createRegistry, layerDiagnosis, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const engine = await createEngine({ backend: "js" });
afterAll(() => engine.close());
const images: HostTensor = { dtype: "f32", shape: [4, 1, 8, 8], data: normal(4 * 64, createStream(3, "images")) };

async function network(scheme: string, precision: string) {
  const model = createModel("mlp", { inputShape: [1, 8, 8], classes: 10, seed: 1 });
  return prepare(model, { precision, scheme: registry.scheme(scheme), registry, calibration: images });
}

describe("layerDiagnosis", () => {
  it("counts zeros, clipped values and codes of weights as they are", async () => {
    const model = await network("twn", "w2a2");
    const [{ layer }] = model.quantization.layers;
    const weight = model.variables.find(({ name }) => name === `${layer}.weight`);
    if (!weight) throw new Error("the layer has a weight");
    const found = await layerDiagnosis(model, engine)(images);
    const own = found.find((each) => each.layer === layer && each.slot === "weight");
    const ws = weight.initial as Float32Array;
    const limit = (0.7 * ws.reduce((sum, w) => sum + Math.abs(w), 0)) / ws.length;
    const zeros = ws.filter((w) => Math.abs(w) <= limit).length;
    expect(own?.zeros).toBeCloseTo(zeros / ws.length, 6);
    expect(own?.histogram).toEqual([ws.filter((w) => w < -limit).length, zeros, ws.filter((w) => w > limit).length]);
    expect(own?.clipped).toBe(0); // TWN's gradient is 1 everywhere
    expect(own?.changed).toBeUndefined();
    expect(found.map(({ slot }) => slot)).toContain("input");
  });

  it("tells the share of clipped inputs, and of weight codes that have changed", async () => {
    const model = await network("bwn", "w1a2");
    const [{ layer }] = model.quantization.layers;
    const weight = model.variables.find(({ name }) => name === `${layer}.weight`);
    if (!weight) throw new Error("the layer has a weight");
    const diagnose = layerDiagnosis(model, engine);
    const before = await diagnose(images);
    const flipped = Float32Array.from(weight.initial as Float32Array, (w, i) => (i % 4 === 0 ? -w : w));
    await engine.write(weight, { dtype: "f32", shape: weight.shape, data: flipped });
    const after = await diagnose(images);
    const of = (list: typeof before, slot: string) => list.find((each) => each.layer === layer && each.slot === slot);
    expect(of(after, "weight")?.changed).toBeCloseTo(0.25, 2);
    expect(of(after, "input")?.changed).toBeUndefined();
    const clipped = of(before, "input")?.clipped ?? 0;
    expect(clipped).toBeGreaterThan(0.05);
    expect(clipped).toBeLessThan(0.95);
  });

  it("warns of a layer that has collapsed", async () => {
    const model = await network("uniform", "w4a4");
    const [{ layer }] = model.quantization.layers;
    const weight = model.variables.find(({ name }) => name === `${layer}.weight`);
    if (!weight) throw new Error("the layer has a weight");
    const own = async () =>
      (await layerDiagnosis(model, engine)(images)).find((each) => each.layer === layer && each.slot === "weight");
    expect(collapseOf((await own()) as never)).toBeUndefined();
    const zeros = { dtype: "f32", shape: weight.shape, data: new Float32Array(weight.initial.length) } as const;
    await engine.write(weight, zeros);
    expect(collapseOf((await own()) as never)).toBe(
      `all weights of layer "${layer}" fall on code 0: nothing passes, and nothing is learned`,
    );
    const clipped = { layer: "a", slot: "input", zeros: 0.5, clipped: 1, histogram: [2, 0, 2] } as const;
    expect(collapseOf(clipped)).toBe('all inputs of layer "a" are clipped: none of them gets a gradient');
    expect(collapseOf({ ...clipped, clipped: 0.2, histogram: [0, 0, 4] })).toContain("fall on one code");
  });
});
