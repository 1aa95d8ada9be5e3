import { createEngine, type Engine, input, type Tensor, topologicalOrder, Variable } from "@lowbit/core-tensor";
import { afterAll, describe, expect, it } from "vitest";
import { createModel, modelNames } from "../../src/index.js";

/** The smallest images that each takes. */
const sides = new Map([
  ["alexnet", 63],
  ["alexnet-one-tower", 63],
  ["resnet18", 1],
  ["resnet34", 1],
  ["resnet50", 1],
  ["resnet101", 1],
  ["bn-inception", 1],
  ["inception-resnet-v2", 75],
]);
const names = [...sides.keys()];

const engine: Engine = await createEngine({ backend: "wasm", threads: 1 });
afterAll(() => engine.close());

const shapesOf = (name: string, options: object = {}) =>
  new Map(createModel(name, options).variables.map((variable) => [variable.name, variable.shape]));

describe("networks for ImageNet", () => {
  it("are built in", () => expect(modelNames).toEqual(expect.arrayContaining(names)));

  it.each(names)("%s classifies its images into 1000 classes, and holds no weight for that", (name) => {
    const model = createModel(name, { width: 4 }); // resnet101 would have 2.8 GB of weights
    const side = name === "inception-resnet-v2" ? 299 : 224;
    expect(model.inputShape).toEqual([3, side, side]);
    const logits = model.forward(input("images", [2, ...model.inputShape]), { training: false });
    expect(logits.shape).toEqual([2, 1000]);
    expect(new Set(model.variables.map((variable) => variable.name)).size).toBe(model.variables.length);
    for (const node of topologicalOrder([logits])) {
      if (node.inputs.length > 0) expect(node.layer).not.toBe("");
      if (node.op.name !== "conv2d" && node.op.name !== "matmul") continue;
      const { variable } = node.inputs[1].attributes;
      expect(variable).toBeInstanceOf(Variable);
      expect(variable).toMatchObject({ trainable: true, name: `${node.layer}.weight` });
    }
  });

  it.each(names)("%s computes finite logits on small images, in training and in evaluation", async (name) => {
    const side = Math.max(sides.get(name) as number, 40);
    const model = createModel(name, { inputShape: [3, side, side], classes: 3, width: 1 / 16, seed: 2 });
    const data = new Float32Array(2 * 3 * side * side).map((_, i) => Math.sin(i * i));
    for (const training of [true, false]) {
      const forward = engine.compile(({ x }: Record<string, Tensor>) => ({ y: model.forward(x, { training }) }));
      const { y } = await forward({ x: { dtype: "f32", shape: [2, 3, side, side], data } });
      expect(y.data.every(Number.isFinite)).toBe(true);
      expect(new Set(y.data).size).toBeGreaterThan(3);
    }
  });

  it.each([...sides].filter(([, side]) => side > 1))("%s refuses images below %d pixels", (name, side) => {
    expect(() => createModel(name, { inputShape: [3, side - 1, side] })).toThrow(`at least ${side} × ${side}`);
    const model = createModel(name, { inputShape: [3, side, side] });
    expect(model.forward(input("images", [1, 3, side, side]), { training: false }).shape).toEqual([1, 1000]);
  });

  it.each([1, 2, 5, 31, 57])("resnets and bn-inception take images of %d pixels", (side) => {
    for (const name of ["resnet18", "resnet50", "bn-inception"]) {
      const logits = createModel(name, { inputShape: [3, side, side] }).forward(input("images", [1, 3, side, side]), {
        training: false,
      });
      expect(logits.shape).toEqual([1, 1000]);
    }
  });

  it("widens groups by whole channels each", () => {
    const wide = shapesOf("alexnet", { width: 1.3 });
    expect(wide.get("stage2.conv.weight")).toEqual([332, 62, 5, 5]); // 256 · 1.3 and 96 · 1.3, to the nearest even number
    expect(wide.get("stage1.conv.weight")).toEqual([124, 3, 11, 11]);
    expect(wide.get("classifier.weight")).toEqual([1000, Math.round(4096 * 1.3)]);
  });

  it("projects where the unwidened first layer meets a wide stream of the same resolution", () => {
    expect(shapesOf("resnet34", { width: 2 }).has("stage1.block0.shortcut.weight")).toBe(false);
    const narrowFirst = shapesOf("resnet34", { width: 2, firstLayerWidth: 1 });
    expect(narrowFirst.get("conv1.weight")).toEqual([64, 3, 7, 7]);
    expect(narrowFirst.get("stage1.block0.shortcut.weight")).toEqual([128, 64, 1, 1]);
    expect(shapesOf("resnet50", { width: 2, firstLayerWidth: 1 }).get("stage1.block0.conv1.weight")).toEqual([
      128, 64, 1, 1,
    ]);
    expect(shapesOf("bn-inception", { width: 2, firstLayerWidth: 1 }).get("conv2.reduce.conv.weight")).toEqual([
      128, 64, 1, 1,
    ]);
    expect(shapesOf("inception-resnet-v2", { width: 2, firstLayerWidth: 1 }).get("stem2.conv1.conv.weight")).toEqual([
      64, 32, 3, 3,
    ]);
  });

  it("has the stride of a bottleneck in its 3×3 convolution", () => {
    const model = createModel("resnet50");
    const logits = model.forward(input("images", [1, 3, 224, 224]), { training: false });
    const strideOf = (layer: string) =>
      topologicalOrder([logits]).find((node) => node.op.name === "conv2d" && node.layer === layer)?.attributes.stride;
    expect(strideOf("stage2.block0.conv1")).toEqual([1, 1]);
    expect(strideOf("stage2.block0.conv2")).toEqual([2, 2]);
    expect(strideOf("stage2.block0.shortcut")).toEqual([2, 2]);
  });
});
