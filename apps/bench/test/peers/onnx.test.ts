import { createEngine, input, type Tensor } from "@lowbit/core-tensor";
import { compileForward, createModel } from "@lowbit/nn";
import { convert, createRegistry, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import { describe, expect, it } from "vitest";
import { relativeDifference } from "../../src/measure/agreement.js";
import { randomNormal } from "../../src/ours/random-tensors.js";
import { calibrate, encodeInt8Onnx } from "../../src/peers/onnx/encode-int8-onnx.js";
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

describe("a network of ours in int8, as an ONNX model", () => {
  it.each(["onnxruntime-web", "onnxruntime-node"] as const)(
    "gives nearly the logits of fp32 in %s",
    async (runtime) => {
      const engine = await createEngine({ threads: 1 });
      const plain = createModel("resnet8", { inputShape: [2, 9, 8], classes: 5, seed: 3 });
      const options = { precision: "fp32", scheme: wrpn, registry: createRegistry(plugin) };
      const model = await convert(await prepare(plain, options), engine);
      const images = randomNormal("images", [3, 2, 9, 8]);
      const forward = (x: Tensor): Tensor => model.forward(x, { training: false });
      const ranges = await calibrate(engine, forward, images);
      const session = await openOnnxSession(
        runtime,
        encodeInt8Onnx(forward(input("images", images.shape)), initialValues, ranges),
        1,
      );
      const { logits } = await compileForward(engine, model)({ images });
      const difference = relativeDifference(await session.run({ images }), logits.data);
      expect(difference).toBeLessThan(0.1);
      expect(difference).toBeGreaterThan(1e-5); // it really rounds
      await session.close();
      await engine.close();
    },
  );
});
