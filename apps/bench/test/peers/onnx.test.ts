import { createEngine, input } from "@lowbit/core-tensor";
import { compileForward, createModel } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { relativeDifference } from "../../src/measure/agreement.js";
import { randomNormal } from "../../src/ours/random-tensors.js";
import { encodeOnnx, initialValues } from "../../src/peers/onnx/encode-onnx.js";
import { openOnnxSession } from "../../src/peers/onnx/onnx-session.js";

describe("a network of ours as an ONNX model", () => {
  it.each([
    { runtime: "onnxruntime-web" as const, model: "resnet8" },
    { runtime: "onnxruntime-node" as const, model: "resnet8" },
    { runtime: "onnxruntime-web" as const, model: "simple-cnn" },
  ])("gives the same logits of $model in $runtime", async ({ runtime, model: name }) => {
    const model = createModel(name, { inputShape: [2, 9, 8], classes: 5, seed: 3 });
    const images = randomNormal("images", [3, 2, 9, 8]);
    const engine = await createEngine({ backend: "js" });
    const { logits } = await compileForward(engine, model)({ images });
    const graph = model.forward(input("images", images.shape), { training: false });
    const session = await openOnnxSession(runtime, encodeOnnx(graph, initialValues), 1);
    expect(relativeDifference(await session.run({ images }), logits.data)).toBeLessThan(1e-5);
    expect(session.version).toMatch(/^\d+\.\d+\.\d+/);
    await session.close();
    await engine.close();
  });
});
