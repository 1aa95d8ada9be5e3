import { createEngine, createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { builtIns, convert, createRegistry, prepare } from "@lowbit/quant";
import { describe, expect, it } from "vitest";
import { plugin } from "../src/index.js";

const registry = createRegistry(builtIns, plugin);
const images: HostTensor = {
  dtype: "f32",
  shape: [4, 1, 12, 12],
  data: normal(4 * 144, createStream(3, "images")),
};

/** Weights by bits on the diagonal, and each side alone. */
const precisions = ["w1a1", "w1a4", "w2a1", "w2a2", "w3a5", "w4a4", "w8a8", "w1a32", "w2a32", "w32a2", "w32a1"];

describe.each(["wrpn", "uniform"])("a network of scheme %s", (scheme) => {
  it.each(scheme === "uniform" ? precisions.filter((each) => !each.startsWith("w1")) : precisions)(
    "has the same logits fake-quantized and packed at %s",
    async (precision) => {
      const engine = await createEngine({ backend: "js" });
      for (const name of ["resnet8", "mlp"]) {
        const model = createModel(name, { inputShape: [1, 12, 12], classes: 10, width: 0.5, seed: 1 });
        const prepared = await prepare(model, { precision, scheme: registry.scheme(scheme), registry });
        const packed = await convert(prepared, engine);
        const run = engine.compile(({ x }) => ({
          fake: prepared.forward(x, { training: false }),
          real: packed.forward(x, { training: false }),
        }));
        const { fake, real } = await run({ x: images });
        expect([...real.data]).toEqual([...fake.data]);
        expect(new Set(fake.data).size).toBeGreaterThan(10);
      }
      await engine.close();
    },
  );
});
