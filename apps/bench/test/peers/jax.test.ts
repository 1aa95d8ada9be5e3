import { conv2d, createEngine, input, matmul, maxPool2d, mean, relu, reshape, type Tensor } from "@lowbit/core-tensor";
import { compileForward, createModel } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { relativeDifference } from "../../src/measure/agreement.js";
import { randomNormal } from "../../src/ours/random-tensors.js";
import { openJax } from "../../src/peers/jax.js";
import { initialValues } from "../../src/peers/onnx/encode-onnx.js";

describe("a graph of ours in jax-js", () => {
  it("gives the same logits of a network, run after run", async () => {
    const model = createModel("simple-cnn", { inputShape: [2, 9, 8], classes: 5, seed: 3 });
    const images = randomNormal("images", [3, 2, 9, 8]);
    const engine = await createEngine({ backend: "js" });
    const { logits } = await compileForward(engine, model)({ images });
    const graph = model.forward(input("images", images.shape), { training: false });
    const side = await openJax(graph, (leaf) => (leaf.op.name === "input" ? images : initialValues(leaf)), 1);
    for (let run = 0; run < 2; run++) expect(relativeDifference(await side.run(), logits.data)).toBeLessThan(1e-5);
    expect(side.version).toMatch(/^\d+\.\d+\.\d+/);
    await side.close();
    await engine.close();
  });

  it("takes strides, dilations, groups, padded pools and transposed operands as ours do", async () => {
    const values = {
      x: randomNormal("x", [2, 4, 11, 9]),
      w: randomNormal("w", [6, 2, 3, 2]),
      m: randomNormal("m", [7, 6]),
    };
    const leaf = (name: keyof typeof values) => input(name, values[name].shape);
    const build = (x: Tensor, w: Tensor, m: Tensor): Tensor => {
      const conv = conv2d(x, w, { stride: [2, 1], dilation: [1, 2], padding: [1, 0, 2, 1], groups: 2 });
      const pool = maxPool2d(relu(conv), { window: 3, stride: 2, padding: 1 });
      const features = reshape(mean(pool, { axes: [2, 3], keepDims: true }), { shape: [2, 6] });
      return matmul(m, features, { transposeB: true });
    };
    const engine = await createEngine({ backend: "js" });
    const ours = engine.compile<typeof values, { y: Tensor }>(({ x, w, m }) => ({ y: build(x, w, m) }));
    const side = await openJax(
      build(leaf("x"), leaf("w"), leaf("m")),
      ({ attributes }) => values[attributes.name as "x"],
      1,
    );
    expect(relativeDifference(await side.run(), (await ours(values)).y.data)).toBeLessThan(1e-5);
    await side.close();
    await engine.close();
  });

  it("says why it can't take threads", async () => {
    await expect(openJax(input("x", [1]), initialValues, 2)).rejects.toThrow("do not start in Node");
  });
});
