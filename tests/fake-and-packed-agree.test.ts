import { createEngine, type Engine, type HostTensor, input, topologicalOrder } from "@lowbit/core-tensor";
import { createModel, type Model } from "@lowbit/nn";
import { builtIns, convert, createRegistry, prepare, restorePackedModel, storePackedModel } from "@lowbit/quant";
import { plugin as wrpn } from "@lowbit/wrpn";
import { afterAll, describe, expect, it } from "vitest";

// The promise of design and README: a fake-quantized network and the packed one made of it give the same logits, bit for
// bit, on one backend and build. Weights, statistics and images are drawn, so that no code is all zeros by accident.

const registry = createRegistry(builtIns, wrpn);
const engines: Record<string, Engine> = {
  js: await createEngine({ backend: "js" }),
  "wasm, 1 thread": await createEngine({ backend: "wasm", threads: 1 }),
  "wasm, 2 threads": await createEngine({ backend: "wasm", threads: 2 }),
};
afterAll(async () => {
  for (const engine of Object.values(engines)) await engine.close();
});

function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function images(batch: number, shape: readonly number[]): HostTensor {
  const random = numbers(5);
  const elements = batch * shape.reduce((product, size) => product * size, 1);
  return {
    dtype: "f32",
    shape: [batch, ...shape],
    data: Float32Array.from({ length: elements }, () => 3 * random() - 1),
  };
}

/** Running statistics and affine parameters as training would leave them: no two channels alike, some γ negative or 0. */
async function disturbBatchNorm(model: Model, engine: Engine): Promise<void> {
  const random = numbers(9);
  for (const variable of model.variables) {
    if (variable.shape.length !== 1) continue;
    const isVariance = /variance/i.test(variable.name);
    const isGamma = /gamma/i.test(variable.name);
    const draw = (_: number, i: number) =>
      isVariance ? 0.2 + random() : isGamma && i === 0 ? 0 : 1.5 * random() - 0.5;
    const data = Float32Array.from({ length: variable.shape[0] }, (_, i) => draw(0, i));
    await engine.write(variable, { dtype: "f32", shape: variable.shape, data });
  }
}

const observed = { observer: "percentile:99", weightObserver: "mean-squared-error", granularity: "per-group:3" };
const byGroup = { observer: "entropy", granularity: "per-group:5", scale: "learned" };

const affineCases = [
  ...["w3a3", "w4a32"].map((precision) => ({ scheme: "uniform", precision, options: observed })),
  ...["w1a1", "w2a8", "w8a4", "w4a32", "w32a3"].map((precision) => ({ scheme: "affine", precision })),
  ...["w2a4", "w4a32"].map((precision) => ({ scheme: "affine", precision, options: byGroup })),
];

const cases: { model: string; scheme: string; precision: string; options?: object }[] = [
  "resnet8",
  "simple-cnn",
  "mlp",
].flatMap((model) =>
  [
    ...["w1a1", "w2a2", "w1a2", "w3a5", "w4a4", "w8a8", "w2a32", "w32a2"].map((precision) => ({
      scheme: "wrpn",
      precision,
    })),
    ...["w2a2", "w4a8"].map((precision) => ({ scheme: "uniform", precision })),
    ...["w2a8", "w2a2", "w2a32"].map((precision) => ({ scheme: "twn", precision })),
    ...["w1a4", "w1a32"].map((precision) => ({ scheme: "bwn", precision })),
    ...["w1a1", "w32a1"].map((precision) => ({ scheme: "xnor", precision })),
    ...["w1a2", "w2a2", "w4a8", "w8a8", "w3a32"].map((precision) => ({ scheme: "dorefa", precision })),
    ...["w2a2", "w4a8", "w4a32"].map((precision) => ({ scheme: "lsq", precision })),
    ...["w2a2", "w4a8", "w32a4"].map((precision) => ({ scheme: "lsq-plus", precision })),
    ...["w1a1", "w4a4"].map((precision) => ({ scheme: "pact", precision })),
    ...["w2a8", "w2a32"].map((precision) => ({ scheme: "ttq", precision })),
    ...(model === "resnet8" ? [] : affineCases), // sums of many terms are slow in the reference
  ].map((each) => ({ model, ...each })),
);

describe.each(Object.keys(engines))("fake quantized and packed agree on %s", (backend) => {
  it.each(cases)(
    "$model $scheme $precision $options",
    async ({ model: modelName, scheme: name, precision, options }) => {
      const engine = engines[backend];
      const inputShape = [1, 12, 12];
      const model = createModel(modelName, { inputShape, classes: 10, width: 0.5, seed: 3 });
      await disturbBatchNorm(model, engine);
      const calibration = images(8, inputShape);
      const scheme = registry.scheme(name).withOptions(options ?? {});
      const prepared = await prepare(model, { precision, scheme, registry, calibration });
      const packed = await convert(prepared, engine);
      const { json, tensors } = storePackedModel(packed);
      const restored = restorePackedModel(JSON.parse(JSON.stringify(json)), tensors);
      const run = (each: Model) =>
        engine.compile(({ x }) => ({ logits: each.forward(x, { training: false }) }))({ x: images(3, inputShape) });
      const fake = (await run(prepared)).logits;
      expect([...(await run(packed)).logits.data]).toEqual([...fake.data]);
      expect([...(await run(restored)).logits.data]).toEqual([...fake.data]);
      expect(new Set(fake.data).size).toBeGreaterThan(5); // the network tells images apart: the comparison is not of zeros
    },
  );
});

describe("conversion", () => {
  it.each(["w1a1", "w2a2", "w4a4", "w8a8"])(
    "folds batch norm at %s: two constants for each, and the same logits",
    async (precision) => {
      const engine = engines["wasm, 1 thread"];
      const model = createModel("resnet8", { inputShape: [1, 12, 12], classes: 10, seed: 3 });
      await disturbBatchNorm(model, engine);
      const prepared = await prepare(model, { precision, scheme: registry.scheme("wrpn"), registry });
      const packed = await convert(prepared, engine);
      const names = storePackedModel(packed).json.graph.nodes.map(({ op }) => op);
      const before = topologicalOrder([prepared.forward(input("images", [1, 1, 12, 12]), { training: false })]);
      const roots = before.filter(({ op }) => op.name === "sqrt"); // γ / √(variance + ε): one for each batch norm
      expect(roots.length).toBeGreaterThanOrEqual(7);
      expect(names.filter((op) => op === "sqrt")).toEqual([]);
      const run = (each: Model) =>
        engine.compile(({ x }) => ({ logits: each.forward(x, { training: false }) }))({ x: images(3, [1, 12, 12]) });
      const unfolded = (await run(prepared)).logits;
      expect([...(await run(packed)).logits.data]).toEqual([...unfolded.data]);
      expect(new Set(unfolded.data).size).toBeGreaterThan(5);
    },
  );

  it("leaves no variable, packs codes into their bits, and multiplies codes by codes", async () => {
    const engine = engines.js;
    const model = createModel("resnet8", { inputShape: [1, 12, 12], classes: 10, seed: 3 });
    const prepared = await prepare(model, { precision: "w2a2", scheme: registry.scheme("wrpn"), registry });
    const packed = await convert(prepared, engine);
    const { json, tensors } = storePackedModel(packed);
    expect(json.graph.nodes.some(({ op }) => op === "variable")).toBe(false);
    expect(json.graph.nodes.filter(({ op }) => op === "conv2dCodes")).toHaveLength(prepared.quantization.layers.length);
    const weights = model.variables.filter(({ shape }) => shape.length === 4).slice(1); // the first layer stays fp32
    const codes = weights.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
    const packedWeights = [...tensors.values()].filter(({ dtype }) => dtype === "p2");
    expect(packedWeights.reduce((sum, { data }) => sum + data.byteLength, 0)).toBe(codes / 4);
    expect(packed.packedBytes * 8).toBeLessThan(packed.latentBytes);
  });

  it("training and evaluation graphs agree closely: the epilogue is another order of the same numbers", async () => {
    const engine = engines.js;
    const model = createModel("mlp", { inputShape: [1, 6, 6], classes: 4, seed: 1 });
    const prepared = await prepare(model, { precision: "w4a4", scheme: registry.scheme("wrpn"), registry });
    const x = images(4, [1, 6, 6]);
    const evaluated = await engine.compile((t) => ({ y: prepared.forward(t.x, { training: false }) }))({ x });
    const trained = await engine.compile((t) => ({ y: prepared.forward(t.x, { training: true }) }))({ x });
    evaluated.y.data.forEach((value, i) => expect(value).toBeCloseTo(trained.y.data[i], 4));
    expect(input("x", [1]).shape).toEqual([1]);
  });
});
