import { createEngine, createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { builtIns, convert, createRegistry, type LayerOverride, planQuantization, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const inputShape = [1, 12, 12];
const model = () => createModel("resnet8", { inputShape, classes: 10, width: 0.5, seed: 1 });
const plan = (overrides: readonly LayerOverride[]) =>
  planQuantization(model(), { precision: "w4a4", scheme: registry.scheme("uniform"), registry, overrides });

describe("overrides", () => {
  it("give layers other bits by name or pattern; the first that matches counts", async () => {
    const { layers } = await plan([
      { layers: "stage2.block0.conv1", precision: "w8a8" },
      { layers: "stage2.*", precision: "w2a2", scheme: "twn" },
      { layers: "*.conv2", precision: "w3a3" },
      { layers: "stage1.block0.conv1", precision: "fp32" },
      { layers: "conv1", precision: "w8a32" }, // the first layer, which would stay fp32
    ]);
    const found = Object.fromEntries(
      layers.map(({ layer, weight, input }) => [
        layer,
        [weight?.quantizer, (weight?.options as { bits?: number })?.bits, (input?.options as { bits?: number })?.bits],
      ]),
    );
    expect(found.conv1).toEqual(["uniform-symmetric", 8, undefined]);
    expect(found["stage2.block0.conv1"]).toEqual(["uniform-symmetric", 8, 8]);
    expect(found["stage2.block0.conv2"]).toEqual(["ternary-weight", undefined, 2]);
    expect(found["stage1.block0.conv2"]).toEqual(["uniform-symmetric", 3, 3]);
    expect(found["stage1.block0.conv1"]).toBeUndefined();
    expect(found["stage3.block0.conv1"]).toEqual(["uniform-symmetric", 4, 4]);
  });

  it("take a quantizer with its options, or leave one side alone", async () => {
    const { layers } = await plan([
      { layers: "stage1.*", weight: { quantizer: "ternary-weight", options: { granularity: "per-channel" } } },
      { layers: "stage2.*", input: "fp32" },
    ]);
    const of = (name: string) => layers.find(({ layer }) => layer === name);
    expect(of("stage1.block0.conv1")).toMatchObject({
      weight: { quantizer: "ternary-weight", options: { granularity: "per-channel" } },
      input: { options: { bits: 4 } },
    });
    expect(of("stage2.block0.conv1")?.weight?.options).toMatchObject({ bits: 4 });
    expect(of("stage2.block0.conv1")?.input).toBeUndefined();
  });

  it.each<[string, LayerOverride, RegExp]>([
    [
      "a layer that is not there",
      { layers: "stage9.*", precision: "w2a2" },
      /overrides\[0\] \(stage9\.\*\) matches no layer of resnet8[\s\S]*one of conv1/,
    ],
    ["a dot that would match anything", { layers: "stage1xblock0.conv1" }, /matches no layer/],
    ["an impossible precision", { layers: "*", precision: "w9a2" }, /no precision "w9a2"\n {2}where {2}overrides\[0\]/],
    [
      "a scheme that nobody knows",
      { layers: "*", scheme: "twm" },
      /no scheme "twm"\n {2}where {2}overrides\[0\]\.scheme[\s\S]*did you mean twn/,
    ],
    [
      "a quantizer that nobody knows",
      { layers: "*", weight: { quantizer: "nope" } },
      /no quantizer "nope"\n {2}where {2}overrides\[0\]\.weight/,
    ],
    [
      "options that it refuses",
      { layers: "*", input: { quantizer: "pact", options: { bits: 99 } } },
      /quantizer "pact" can't take[\s\S]*overrides\[0\]\.input, options\.bits/,
    ],
    [
      "bits that the scheme lacks",
      { layers: "stage1.block0.conv2", precision: "w3a4", scheme: "twn" },
      /no 3-bit quantizer for weights\n {2}where {2}layer "stage1.block0.conv2"/,
    ],
    ["a field that there is not", { layers: "*", bits: 4 } as never, /overrides\[0\][\s\S]*bits/],
  ])("refuse %s, and say where", async (_, override, message) => expect(plan([override])).rejects.toThrow(message));

  it("give a network of mixed precision that packs to the same logits", async () => {
    const engine = await createEngine({ backend: "js" });
    const images: HostTensor = {
      dtype: "f32",
      shape: [4, 1, 12, 12],
      data: normal(4 * 144, createStream(3, "images")),
    };
    const prepared = await prepare(model(), {
      precision: "w4a4",
      scheme: registry.scheme("uniform"),
      registry,
      calibration: images,
      overrides: [
        { layers: "stage1.block0.conv1", weight: { quantizer: "group-weight", options: { bits: 3, size: 3 } } },
        { layers: "stage1.*", weight: { quantizer: "power-of-two-weight", options: { bits: 4 } } },
        { layers: "stage2.block0.conv1", precision: "w2a3", scheme: "lsq" },
        { layers: "stage2.*", weight: { quantizer: "ttq" }, input: { quantizer: "lsq-plus", options: { bits: 3 } } },
        { layers: "stage3.*", weight: { quantizer: "group-weight", options: { bits: 4, size: 8 } }, input: "fp32" },
      ],
    });
    const packed = await convert(prepared, engine);
    const run = engine.compile(({ x }) => ({
      fake: prepared.forward(x, { training: false }),
      real: packed.forward(x, { training: false }),
    }));
    const { fake, real } = await run({ x: images });
    expect([...real.data]).toEqual([...fake.data]);
    expect(new Set(fake.data).size).toBeGreaterThan(10);
    await engine.close();
  });
});
