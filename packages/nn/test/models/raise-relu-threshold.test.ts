import { createEngine, grad, input, relu, sum, topologicalOrder } from "@lowbit/core-tensor";
import { expect, it } from "vitest";
import { createModel } from "../../src/index.js";
import { raiseReluThreshold } from "../../src/models/raise-relu-threshold.js";

it("lets through what is above the threshold, unmoved, and its gradient with it", async () => {
  const engine = await createEngine({ backend: "js" });
  const forward = raiseReluThreshold((x) => relu(x), 0.5);
  const run = engine.compile(({ x }) => {
    const y = forward(x, { training: true });
    return { y, slope: grad(sum(y), [x])[0] };
  });
  const data = Float32Array.from([-1, 0, 0.25, 0.5, 0.75, 2]);
  const { y, slope } = await run({ x: { dtype: "f32", shape: [6], data } });
  expect([...y.data]).toEqual([0, 0, 0, 0, 0.75, 2]);
  expect([...slope.data]).toEqual([0, 0, 0, 0, 1, 1]);
  await engine.close();
});

it("is an option of every model, kept with the others, and batch norm's statistics are of what passes", async () => {
  const model = createModel("resnet8", { width: 0.25, reluThreshold: 10 });
  expect(model.options).toMatchObject({ reluThreshold: 10 });
  expect(createModel("resnet8", { width: 0.25 }).options).not.toHaveProperty("reluThreshold");
  expect(() => createModel("mlp", { reluThreshold: -1 })).toThrow(/reluThreshold "-1"/);
  const graph = model.forward(input("x", [1, 1, 28, 28]), { training: false });
  const relus = topologicalOrder([graph]).filter(({ op }) => op.name === "relu");
  expect(relus).toHaveLength(7);

  const engine = await createEngine({ backend: "js" });
  const step = engine.compile(({ x }) => ({ logits: model.forward(x, { training: true }) }));
  await step({ x: { dtype: "f32", shape: [1, 1, 28, 28], data: new Float32Array(784).fill(0.1) } });
  const statistics = model.variables.find(({ name }) => name === "stage1.block0.bn2.runningMean");
  if (!statistics) throw new Error(model.variables.map(({ name }) => name).join());
  const { data } = await engine.read(statistics);
  expect([...data].every((value) => value === 0)).toBe(true); // nothing is above 10, so conv1 reads zeros alone
  await engine.close();
});
