import { createEngine, type Engine, elementsOf, grad, type HostTensor, sum } from "@lowbit/core-tensor";
import { createModel, type Model, restoreVariables } from "@lowbit/nn";
import { afterAll, describe, expect, it } from "vitest";
import { widenModel } from "../src/index.js";

const engine: Engine = await createEngine({ backend: "wasm", threads: 1 });
afterAll(() => engine.close());

const hostOf = (shape: readonly number[], valueAt: (i: number) => number): HostTensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from({ length: elementsOf(shape) }, (_, i) => valueAt(i)),
});

/** Batch norm's numbers as training would leave them: no two channels alike. */
async function disturb(model: Model): Promise<void> {
  for (const { name, shape } of model.variables) {
    if (shape.length !== 1) continue;
    const least = name.endsWith("Variance") || name.endsWith("gamma") ? 0.6 : -0.4;
    const variable = model.variables.find((each) => each.name === name) as Model["variables"][number];
    await engine.write(
      variable,
      hostOf(shape, (i) => least + 0.8 * Math.abs(Math.sin(7.1 * i + name.length))),
    );
  }
}

async function logitsFor(model: Model): Promise<number[]> {
  const images = hostOf([2, ...model.inputShape], (i) => Math.sin(0.37 * i) + Math.cos(0.011 * i * i));
  const forward = engine.compile(({ x }) => ({ y: model.forward(x, { training: false }) }));
  return [...(await forward({ x: images })).y.data];
}

const read = (variable: Model["variables"][number]) => engine.read(variable);

/** The largest difference of logits, relative to their spread. */
function differenceOf(a: readonly number[], b: readonly number[]): number {
  const spread = Math.max(...a) - Math.min(...a);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / spread;
}

describe("widenModel", () => {
  it.each([
    ["mlp", [1, 6, 6], 0.25, 2],
    ["simple-cnn", [1, 9, 8], 0.5, 1.5],
    ["resnet8", [1, 12, 12], 0.5, 2],
    ["resnet8", [1, 12, 12], 0.5, 1.3],
    ["resnet20", [3, 8, 8], 0.25, 3],
    ["alexnet", [3, 67, 67], 1 / 16, 2],
    ["alexnet", [3, 67, 67], 1 / 16, 1.4],
    ["alexnet-one-tower", [3, 67, 67], 1 / 16, 2],
    ["resnet18", [3, 32, 32], 1 / 16, 2],
    ["resnet50", [3, 32, 32], 1 / 16, 1.5],
    ["bn-inception", [3, 32, 32], 1 / 16, 2],
    ["inception-resnet-v2", [3, 75, 75], 1 / 8, 1.5],
  ] as const)("%s on %j at width %d computes the same %d times wider", async (name, inputShape, width, factor) => {
    const narrow = createModel(name, { inputShape, classes: 5, width, seed: 3 });
    await disturb(narrow);
    const { model, values } = await widenModel(narrow, { factor, read, seed: 9 });
    expect(model.options).toMatchObject({ width: width * factor, firstLayerWidth: width * factor });
    await restoreVariables(engine, model.variables, values, "widened");
    const [before, after] = [await logitsFor(narrow), await logitsFor(model)];
    expect(new Set(before).size).toBe(before.length);
    expect(differenceOf(before, after)).toBeLessThan(1e-4);
    const elements = (each: Model) => each.variables.reduce((total, { shape }) => total + elementsOf(shape), 0);
    expect(elements(model)).toBeGreaterThan(elements(narrow));
  });

  it.each(["resnet18", "resnet50", "alexnet", "bn-inception", "simple-cnn"])(
    "%s computes the same with its first layer left narrow",
    async (name) => {
      const narrow = createModel(name, { inputShape: [3, 64, 64], classes: 5, width: 1 / 16, seed: 3 });
      await disturb(narrow);
      const { model, values } = await widenModel(narrow, { factor: 2, firstLayer: false, read });
      expect(model.options).toMatchObject({ width: 1 / 8, firstLayerWidth: 1 / 16 });
      await restoreVariables(engine, model.variables, values, "widened");
      expect(differenceOf(await logitsFor(narrow), await logitsFor(model))).toBeLessThan(1e-4);
    },
  );

  it("refuses to leave the first layer narrow where a ReLU stands before the new projection", async () => {
    const narrow = createModel("resnet8");
    await expect(widenModel(narrow, { factor: 2, firstLayer: false })).rejects.toThrow(
      /resnet8 can't keep its first layer narrow[\s\S]*stage1\.block0[\s\S]*widen the first layer too/,
    );
  });

  it("takes the values as they are, divided, where copies share evenly", async () => {
    const narrow = createModel("mlp", { inputShape: [1, 2, 2], classes: 3, width: 2 / 64, seed: 1 }); // 4 → 2 → 2 → 3
    const { values } = await widenModel(narrow, { factor: 2, unevenness: 0 });
    const initial = (name: string) => [...(narrow.variables.find((each) => each.name === name)?.initial ?? [])];
    const first = initial("fc1.weight");
    expect([...(values.get("fc1.weight")?.data ?? [])]).toEqual([...first, ...first]);
    const rows = initial("fc2.weight");
    const half = [rows[0], rows[1], rows[0], rows[1], rows[2], rows[3], rows[2], rows[3]].map((w) => w / 2);
    expect([...(values.get("fc2.weight")?.data ?? [])]).toEqual([...half, ...half]);
    expect([...(values.get("classifier.bias")?.data ?? [])]).toEqual(initial("classifier.bias"));
  });

  it.each([
    [0, true],
    [0.1, false],
  ])("with unevenness %d copies have equal gradients: %s", async (unevenness, areEqual) => {
    const narrow = createModel("mlp", { inputShape: [1, 3, 3], classes: 3, width: 1 / 8, seed: 1 });
    const { model, values } = await widenModel(narrow, { factor: 2, unevenness });
    await restoreVariables(engine, model.variables, values, "widened");
    const [weight] = model.variables;
    const gradientOf = engine.compile(({ x }) => {
      const y = model.forward(x, { training: true });
      return { g: grad(sum(y), [weight])[0] };
    });
    const { g } = await gradientOf({ x: hostOf([4, 1, 3, 3], (i) => Math.sin(i)) });
    const half = g.data.length / 2;
    const differs = g.data.some((value, i) => i < half && Math.abs(value - g.data[i + half]) > 1e-4);
    expect(differs).toBe(!areEqual);
  });

  it.each([
    [{ factor: 0.5 }, "a factor of at least 1"],
    [{ factor: Number.NaN }, "a factor of at least 1"],
    [{ factor: 2, unevenness: 1 }, "0 ≤ unevenness < 1"],
  ])("refuses %j", async (options, message) => {
    await expect(widenModel(createModel("mlp"), options)).rejects.toThrow(message);
  });
});
