import { ConfigurationError, createEngine, type HostTensor, type Variable } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import type { BoundLayer } from "./bind-layers.js";
import type { BoundQuantizer } from "./grid.js";
import { firstLearned, learns } from "./learned-values.js";
import { quantizedEdges } from "./quantized-edges.js";

export interface FirstValues {
  /** The values of a weight now. */
  readonly read: (variable: Variable) => Promise<HostTensor>;
  /** Images [N, C, H, W], normalised as those of training. */
  readonly calibration?: HostTensor;
}

/**
 * The values that reach the quantized inputs of some layers while the network itself still computes in fp32, in training
 * mode: batch norm goes by these very images.
 */
export async function observeInputs(
  model: Model,
  inputs: ReadonlyMap<string, BoundQuantizer>,
  { read, calibration }: FirstValues & { readonly calibration: HostTensor },
): Promise<Map<string, HostTensor>> {
  const engine = await createEngine({ threads: 1 });
  try {
    for (const variable of model.variables) await engine.write(variable, await read(variable));
    let places: string[] = [];
    const run = engine.compile(({ images }) => {
      const edges = quantizedEdges(model.forward(images, { training: true }), inputs);
      places = edges.map(({ layer }) => layer);
      return Object.fromEntries(edges.map(({ values }, i) => [String(i), values]));
    });
    const results = await run({ images: calibration });
    const observed = new Map<string, HostTensor>();
    places.forEach((layer, i) => {
      const [before, now] = [observed.get(layer), results[String(i)]];
      observed.set(layer, before ? joined(before, now) : now);
    });
    return observed;
  } finally {
    await engine.close();
  }
}

/** Values [N, …] of two branches that a concat joins: those of one image side by side, [N, F]. */
function joined(a: HostTensor, b: HostTensor): HostTensor {
  const [N] = a.shape;
  const [ofA, ofB] = [a.data.length / N, b.data.length / N];
  const data = new Float32Array(N * (ofA + ofB));
  for (let image = 0; image < N; image++) {
    data.set((a.data as Float32Array).subarray(image * ofA, (image + 1) * ofA), image * (ofA + ofB));
    data.set((b.data as Float32Array).subarray(image * ofB, (image + 1) * ofB), image * (ofA + ofB) + ofA);
  }
  return { dtype: "f32", shape: [N, ofA + ofB], data };
}

/** Images whose values make a batch for what averages over batches. */
const OBSERVED_BATCH = 8;

/**
 * Where the learned numbers of all layers start from: of the weights as they are, and of the inputs that calibration images
 * make.
 *
 * @returns by the name of the variable
 * @throws {ConfigurationError} when an input is learned and there are no images
 */
export async function initialiseLearned(
  model: Model,
  layers: ReadonlyMap<string, BoundLayer>,
  weights: ReadonlyMap<string, Variable>,
  { read, calibration }: FirstValues,
): Promise<Map<string, Float32Array>> {
  const initial = new Map<string, Float32Array>();
  const note = (slot: string, { quantizer, options }: BoundQuantizer, values: HostTensor, images?: number) => {
    for (const [name, { data }] of Object.entries(firstLearned(quantizer, options, values, images))) {
      initial.set(`${slot}.${name}`, data as Float32Array);
    }
  };
  const inputs = new Map<string, BoundQuantizer>();
  for (const [name, { weight, input }] of layers) {
    if (weight && learns(weight)) note(`${name}.weight`, weight, await read(weights.get(name) as Variable));
    if (input && learns(input)) inputs.set(name, input);
  }
  if (inputs.size === 0) return initial;
  if (!calibration) {
    const [[layer, { quantizer }]] = inputs;
    throw new ConfigurationError(`the input of layer "${layer}" needs images to begin with`, {
      layer,
      want: `calibration: a batch of normalised images, from which ${quantizer.name} takes its first values`,
    });
  }
  const observed = await observeInputs(model, inputs, { read, calibration });
  for (const [name, values] of observed) {
    note(`${name}.input`, inputs.get(name) as BoundQuantizer, values, OBSERVED_BATCH);
  }
  return initial;
}
