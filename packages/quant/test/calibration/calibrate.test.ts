import {
  createEngine,
  createStream,
  type Engine,
  elementsOf,
  type HostTensor,
  type input,
  normal,
  type Variable,
} from "@lowbit/core-tensor";
import { compileForward, createModel, type Model } from "@lowbit/nn";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  builtIns,
  type CalibrationStage,
  calibrate,
  createRegistry,
  equaliseLayers,
  type PreparedModel,
} from "../../src/index.js";

const registry = createRegistry(builtIns);
const inputShape = [1, 8, 8];
const randomImages = (count: number, seed: number): HostTensor => ({
  dtype: "f32",
  shape: [count, ...inputShape],
  data: normal(count * 64, createStream(seed, "images")),
});
const engines: Engine[] = [];
const open = async (options: Parameters<typeof createEngine>[0]): Promise<Engine> => {
  const engine = await createEngine(options);
  engines.push(engine);
  return engine;
};
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

/** Weights and statistics as a training may leave them: channels of very different size, γ of both signs. */
function unevenValues({ variables }: Model, seed: number): Map<Variable, HostTensor> {
  return new Map(
    variables.map((variable): [Variable, HostTensor] => {
      const { name, shape, initial } = variable;
      const draw = normal(elementsOf(shape), createStream(seed, name));
      const perChannel = draw.length / (shape[0] ?? 1);
      const size = normal(shape[0] ?? 1, createStream(seed, `${name}/size`));
      const data = Float32Array.from(draw, (value, i) => {
        if (name.endsWith("runningVariance")) return 0.1 + value ** 2;
        if (shape.length < 2) return value;
        return (initial as Float32Array)[i] * 4 ** size[Math.floor(i / perChannel)];
      });
      return [variable, { dtype: "f32", shape, data }];
    }),
  );
}

async function write(engine: Engine, values: ReadonlyMap<Variable, HostTensor>): Promise<void> {
  for (const [variable, value] of values) await engine.write(variable, value);
}

describe("equaliseLayers", () => {
  it("leaves the function of the network as it is, and gives both layers of a pair the same ranges", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom("mlp", "simple-cnn", "resnet8"),
        fc.integer({ min: 0, max: 1000 }),
        async (name, seed) => {
          const model = createModel(name, { inputShape, classes: 3, width: 0.25, seed });
          const engine = await open({ backend: "js", float: "f64" });
          const values = unevenValues(model, seed);
          await write(engine, values);
          const forward = compileForward(engine, model);
          const images = randomImages(2, seed);
          const before = (await forward({ images })).logits.data;
          const { pairs, absorbed, values: changed } = equaliseLayers(model, values);
          await write(engine, changed);
          const after = (await forward({ images })).logits.data;
          const largest = Math.max(...before.map(Math.abs));
          after.forEach((value, i) => expect(Math.abs(value - before[i])).toBeLessThan(1e-5 * largest));

          expect(pairs).toHaveLength(name === "resnet8" ? 3 : 2);
          expect(absorbed).toHaveLength({ mlp: 0, "simple-cnn": 2, resnet8: 3 }[name] as number);
          if (name !== "resnet8") return;
          for (const { first, second } of pairs) {
            const weight = (layer: string) =>
              [...changed].find(([variable]) => variable.name === `${layer}.weight`)?.[1] as HostTensor;
            const [w1, w2] = [weight(first), weight(second)];
            const perChannel = w1.data.length / w1.shape[0];
            for (let channel = 0; channel < w1.shape[0]; channel++) {
              const made = [...w1.data.slice(channel * perChannel, (channel + 1) * perChannel)];
              const read = [...w2.data].filter((_, i) => Math.floor(i / 9) % w2.shape[1] === channel);
              const [r1, r2] = [made, read].map((each) => Math.max(...each.map(Math.abs)));
              expect(r1 / r2).toBeCloseTo(1, 4);
            }
          }
        },
      ),
      { seed: 1, numRuns: 6 },
    ));
});

/** A mean over all axes but that of the channels, in float64. */
function channelMeans({ shape, data }: HostTensor): number[] {
  const [N, M] = shape;
  const places = data.length / (N * M);
  const sums = new Float64Array(M);
  data.forEach((value: number, i: number) => {
    sums[Math.floor(i / places) % M] += value;
  });
  return [...sums].map((sum) => sum / (N * places));
}

async function lower(
  name: string,
  precision: string,
  options: Partial<Parameters<typeof calibrate>[1]>,
): Promise<{ model: Model; engine: Engine; lowered: PreparedModel; images: HostTensor; stages: CalibrationStage[] }> {
  const model = createModel(name, { inputShape, classes: 4, width: 0.5, seed: 2 });
  const engine = await open({ threads: 1 });
  const images = randomImages(24, 5);
  const stages: CalibrationStage[] = [];
  const lowered = await calibrate(
    { engine, model, images: [16, 8].map((count, i) => ({ ...rows(images, 16 * i, count) })) },
    { precision, scheme: registry.scheme("lsq"), registry, onStage: (stage) => void stages.push(stage), ...options },
  );
  return { model, engine, lowered, images, stages };
}

function rows({ shape, data }: HostTensor, from: number, count: number): HostTensor {
  const own = (data as Float32Array).subarray(from * 64, (from + count) * 64);
  return { dtype: "f32", shape: [count, ...shape.slice(1)], data: own };
}

describe("bias correction", () => {
  it("leaves no mean error in any output channel of any layer on the calibration images", async () => {
    const { model, engine, lowered, images } = await lower("resnet8", "w2a2", {
      ...{ equalise: "never", learnRounding: false },
    });
    const plain = await open({ backend: "js" }); // the network as it was initialised
    const wanted = plain.compile(({ x }) =>
      Object.fromEntries(layersOf(model, x).map(({ layer, output }) => [layer, output])),
    );
    const found = engine.compile(({ x }) =>
      Object.fromEntries(lowered.layerTensors(x).map(({ layer, output }) => [layer, output])),
    );
    const [full, low] = [await wanted({ x: images }), await found({ x: images })];
    const names = lowered.quantization.layers.map(({ layer }) => layer);
    expect(names).toHaveLength(8);
    for (const name of names) {
      const spread = Math.max(...full[name].data.map(Math.abs));
      const [a, b] = [channelMeans(full[name]), channelMeans(low[name])];
      a.forEach((value, channel) => expect(Math.abs(value - b[channel])).toBeLessThan(1e-4 * spread));
    }
    expect(channelMeans(low[names[0]]).some((value) => Math.abs(value) > 1e-3)).toBe(true);
  });
});

/** The sums of all weighted layers of a plain model. */
function layersOf(model: Model, x: ReturnType<typeof input>) {
  const seen = new Map<string, ReturnType<typeof input>>();
  const visit = (node: ReturnType<typeof input>): void => {
    node.inputs.forEach(visit);
    if (node.op.name === "conv2d" || node.op.name === "matmul") seen.set(node.layer, node);
  };
  visit(model.forward(x, { training: false }));
  return [...seen].map(([layer, output]) => ({ layer, output }));
}

describe("learned rounding", () => {
  it("rounds each weight down or up, with a smaller error of the layer's sums than the nearest levels", async () => {
    const { model, engine, lowered, images, stages } = await lower("mlp", "w2a4", {
      ...{ equalise: "never", correctBias: false },
      learnRounding: { steps: 150, batch: 8 },
    });
    const rounded = stages.find((stage) => stage.technique === "rounded");
    if (rounded?.technique !== "rounded") throw new Error("the stage is told");
    const [{ layer, nearestError, error, flipped, weights }] = rounded.layers;
    expect(layer).toBe("fc2");
    expect(error).toBeLessThan(nearestError as number);

    const variable = (name: string) => lowered.variables.find((each) => each.name === name) as Variable;
    const [step] = (await engine.read(variable("fc2.weight.step"))).data;
    const w = variable("fc2.weight").initial as Float32Array;
    const learned = (await engine.read(variable("fc2.weight"))).data as Float32Array;
    const clip = (code: number) => Math.min(1, Math.max(-2, code)); // lsq at 2 bits
    const nearest = Float32Array.from(w, (value) => clip(Math.round(value / step)));
    const codes = Float32Array.from(learned, (value) => clip(Math.round(value / step)));
    codes.forEach((code, i) => expect([clip(Math.floor(w[i] / step)), clip(Math.ceil(w[i] / step))]).toContain(code));
    expect(weights).toBe(w.length);
    expect(codes.filter((code, i) => code !== nearest[i])).toHaveLength(flipped);

    // The errors again, as sums in float64 over what the layer reads.
    const read = engine.compile(({ x }) => ({ read: lowered.layerTensors(x)[0].input }));
    const plain = await open({ backend: "js" });
    const full = plain.compile(({ x }) => ({
      y: layersOf(model, x).find((each) => each.layer === "fc2")?.output as ReturnType<typeof input>,
    }));
    const [{ read: x }, { y }] = [await read({ x: images }), await full({ x: images })];
    const [N, K] = x.shape;
    const M = y.shape[1];
    const errorWith = (chosen: Float32Array) => {
      let total = 0;
      for (let n = 0; n < N; n++) {
        for (let m = 0; m < M; m++) {
          let sum = 0;
          for (let k = 0; k < K; k++) sum += x.data[n * K + k] * chosen[m * K + k] * step;
          total += (sum - y.data[n * M + m]) ** 2;
        }
      }
      return total / N;
    };
    expect(errorWith(nearest) / (nearestError as number)).toBeCloseTo(1, 3);
    expect(errorWith(codes) / (error as number)).toBeCloseTo(1, 3);
  });

  it.each([
    ["uniform", "w3a4"],
    ["twn", "w2a4"],
    ["bwn", "w1a4"],
    ["dorefa", "w3a4"],
    ["ttq", "w2a4"],
  ])(
    "with %s never leaves a larger error than the nearest levels, and says where there is no choice",
    async (scheme, precision) => {
      const { stages } = await lower("mlp", precision, {
        ...{ equalise: "never", correctBias: false, scheme: registry.scheme(scheme) },
        learnRounding: { steps: 20, batch: 8 },
      });
      const rounded = stages.find((stage) => stage.technique === "rounded");
      if (rounded?.technique !== "rounded") throw new Error("the stage is told");
      for (const { nearestError, error, kept } of rounded.layers) {
        const hasNoChoice = scheme === "dorefa" || scheme === "ttq";
        expect(nearestError === undefined).toBe(hasNoChoice);
        if (hasNoChoice) expect(kept).toMatch(/levels|level of/);
        else expect(error).toBeLessThanOrEqual(nearestError as number);
      }
    },
  );
});

describe("calibrate", () => {
  it("keeps equalisation exactly where it ends closer to full precision", async () => {
    for (const [name, precision] of [
      ["simple-cnn", "w2a3"],
      ["mlp", "w4a8"],
    ]) {
      const errorOf = async (equalise: "if-closer" | "always" | "never") => {
        const { model, engine, lowered, images, stages } = await lower(name, precision, {
          equalise,
          learnRounding: false,
        });
        const plain = compileForward(await open({ backend: "js" }), model);
        const [a, b] = [await plain({ images }), await compileForward(engine, lowered)({ images })];
        const error = (a.logits.data as Float32Array).reduce(
          (sum: number, value: number, i: number) => sum + (value - b.logits.data[i]) ** 2,
          0,
        );
        return { error, stages };
      };
      const [always, never, chosen] = [await errorOf("always"), await errorOf("never"), await errorOf("if-closer")];
      const stage = chosen.stages.find(({ technique }) => technique === "equalised");
      if (stage?.technique !== "equalised") throw new Error("the stage is told");
      expect(stage.isKept).toBe(always.error < never.error);
      expect(chosen.error).toBeCloseTo(Math.min(always.error, never.error), 6);
    }
  });

  it("gives the same network twice, and refuses to work without images", async () => {
    const options = { equalise: "always" as const, learnRounding: { steps: 10 } };
    const [a, b] = [await lower("simple-cnn", "w3a3", options), await lower("simple-cnn", "w3a3", options)];
    expect(a.stages.map(({ technique }) => technique)).toEqual(["lowered", "equalised", "rounded", "corrected"]);
    const [p, q] = [a, b].map(({ engine, lowered }) => compileForward(engine, lowered)({ images: a.images }));
    expect((await p).logits.data).toEqual((await q).logits.data);
    const model = createModel("mlp", { inputShape, classes: 4 });
    const empty = calibrate(
      { engine: a.engine, model, images: [] },
      { precision: "w4a4", scheme: registry.scheme("lsq"), registry },
    );
    await expect(empty).rejects.toThrow("nothing to calibrate with");
  });
});
