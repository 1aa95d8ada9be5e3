import { createEngine, elementsOf, input, type Tensor, topologicalOrder, Variable } from "@lowbit/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createModel, widenChannels } from "../../src/index.js";

/** Those for small images; imagenet-models.test.ts has the others. */
const modelNames = ["resnet8", "resnet20", "resnet32", "simple-cnn", "mlp"];

const cifar = { inputShape: [3, 32, 32], classes: 10 };

const parametersOf = (name: string, options: object = {}): number =>
  createModel(name, { ...cifar, ...options })
    .variables.filter(({ trainable }) => trainable)
    .reduce((sum, { shape }) => sum + elementsOf(shape), 0);

/** Counted by hand: pre-activation, shortcuts of 1×1, batch norms of 2 numbers a channel. */
function resnetParameters(n: number, k: number): number {
  const [a, b, c] = [16 * k, 32 * k, 64 * k];
  const block = (from: number, to: number) =>
    2 * from + 9 * from * to + 2 * to + 9 * to * to + (from === to ? 0 : from * to);
  const first = 27 * a;
  const stages = n * block(a, a) + block(a, b) + (n - 1) * block(b, b) + block(b, c) + (n - 1) * block(c, c);
  return first + stages + 2 * c + 10 * c + 10;
}

describe("models", () => {
  it.each([
    ["resnet8", 1, 1, 0.08e6],
    ["resnet20", 3, 1, 0.27e6],
    ["resnet32", 5, 1, 0.46e6],
    ["resnet20", 3, 2, 1.08e6],
  ])("%s has the parameters that it should, in blocks of %d at %dx", (name, n, width, published) => {
    const parameters = parametersOf(name, { width });
    expect(parameters).toBe(resnetParameters(n, width));
    expect(Math.abs(parameters - published)).toBeLessThan(0.03 * published); // He et al., arXiv 1512.03385, table 6
  });

  it.each(modelNames)("%s: logits of any batch, unique names, layers named, seeded weights", (name) => {
    const model = createModel(name, { inputShape: [1, 28, 28], classes: 7, width: 0.5, seed: 4 });
    for (const batch of [1, 17]) {
      const logits = model.forward(input("images", [batch, 1, 28, 28]), { training: false });
      expect(logits.shape).toEqual([batch, 7]);
      for (const node of topologicalOrder([logits])) {
        if (node.inputs.length === 0) continue;
        expect(node.layer).not.toBe("");
        expect(JSON.stringify(node.attributes ?? null)).not.toMatch(/\b17\b/); // graphs are good for any batch
      }
    }
    const names = model.variables.map((variable) => variable.name);
    expect(new Set(names).size).toBe(names.length);
    const again = createModel(name, model.options as never);
    expect(again.options).toEqual(model.options);
    again.variables.forEach((variable, i) => {
      expect(variable.name).toBe(names[i]);
      expect(variable.initial).toEqual(model.variables[i].initial);
    });
    const other = createModel(name, { ...(model.options as never as typeof cifar), seed: 5 });
    expect(other.variables.some((variable, i) => variable.initial.join() !== model.variables[i].initial.join())).toBe(
      true,
    );
  });

  it.each(modelNames)(
    "%s: the weight of each convolution and product is a parameter itself; no bias before batch norm",
    (name) => {
      const model = createModel(name, { inputShape: [1, 12, 12], classes: 3 });
      const logits = model.forward(input("images", [2, 1, 12, 12]), { training: false });
      const weighted = topologicalOrder([logits]).filter(({ op }) => op.name === "conv2d" || op.name === "matmul");
      for (const node of weighted) {
        const variable = node.inputs[1].attributes.variable;
        expect(variable).toBeInstanceOf(Variable);
        expect(variable).toMatchObject({ trainable: true, name: `${node.layer}.weight` });
      }
      const names = new Set(model.variables.map((variable) => variable.name));
      expect([...names].filter((each) => /conv\d\.bias|shortcut\.bias/.test(each))).toEqual([]);
    },
  );

  it("widens every layer but the input and the classes; the first one alone where asked", () => {
    const shapes = (options: object) =>
      new Map(createModel("resnet8", { ...cifar, ...options }).variables.map(({ name, shape }) => [name, shape]));
    const wide = shapes({ width: 2 });
    expect(wide.get("conv1.weight")).toEqual([32, 3, 3, 3]);
    expect(wide.get("stage3.block0.conv2.weight")).toEqual([128, 128, 3, 3]);
    expect(wide.get("classifier.weight")).toEqual([10, 128]);
    expect(wide.has("stage1.block0.shortcut.weight")).toBe(false);
    const narrowFirst = shapes({ width: 2, firstLayerWidth: 1 });
    expect(narrowFirst.get("conv1.weight")).toEqual([16, 3, 3, 3]);
    expect(narrowFirst.get("stage1.block0.shortcut.weight")).toEqual([32, 16, 1, 1]);
    expect(narrowFirst.get("stage1.block0.conv1.weight")).toEqual([32, 16, 3, 3]);
  });

  it("rounds widened channels to a multiple of the groups, the nearest one, and at least one each", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 512 }),
        fc.double({ min: 0.01, max: 64, noNaN: true }),
        fc.constantFrom(1, 2, 4, 8),
        (base, width, groups) => {
          const channels = widenChannels(base, width, groups);
          expect(channels % groups).toBe(0);
          expect(channels).toBeGreaterThanOrEqual(groups);
          if (channels > groups) expect(Math.abs(channels - base * width)).toBeLessThanOrEqual(groups / 2 + 1e-9);
        },
      ),
      { seed: 1 },
    );
    expect([widenChannels(16, 1.5), widenChannels(16, 0.01), widenChannels(10, 1, 4)]).toEqual([24, 1, 12]);
  });

  it.each([
    ["resnt8", {}, /no model "resnt8"[\s\S]*did you mean "resnet8"/],
    ["vgg", {}, /no model "vgg"\n {2}want {3}resnet8, resnet20/],
    ["__proto__", {}, /no model/],
    ["resnet8", { width: 0 }, /width 0/],
    ["resnet8", { width: -1 }, /width -1/],
    ["resnet8", { width: Number.NaN }, /width "?NaN/],
    ["resnet8", { width: Number.POSITIVE_INFINITY }, /width "?Infinity/],
    ["resnet8", { width: 1000 }, /width 1000[\s\S]*at most 64/],
    ["resnet8", { width: "2" }, /width "2"/],
    ["resnet8", { firstLayerWidth: 0 }, /firstLayerWidth 0/],
    ["resnet8", { widht: 2 }, /no option "widht"[\s\S]*did you mean "width"/],
    ["resnet8", { classes: 0 }, /classes 0/],
    ["resnet8", { seed: 1.5 }, /seed 1.5/],
    ["resnet8", { inputShape: [28, 28] }, /inputShape \[28,28\]/],
    ["simple-cnn", { inputShape: [1, 3, 8] }, /at least 4 × 4/],
  ])("refuses %s with %j", (name, change, message) => {
    expect(() => createModel(name, { ...cifar, ...change } as never)).toThrow(message);
  });

  it("trains and evaluates on different graphs, and both are finite at the start", async () => {
    const engine = await createEngine({ backend: "js" });
    const model = createModel("resnet20", { inputShape: [1, 8, 8], classes: 4, width: 0.25 });
    const images = {
      dtype: "f32" as const,
      shape: [2, 1, 8, 8],
      data: new Float32Array(128).map((_, i) => Math.sin(i)),
    };
    for (const training of [true, false]) {
      const forward = engine.compile(({ x }: Record<string, Tensor>) => ({ y: model.forward(x, { training }) }));
      const { y } = await forward({ x: images });
      expect(y.data.every(Number.isFinite)).toBe(true);
    }
    await engine.close();
  });
});
