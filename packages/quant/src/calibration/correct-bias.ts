import { type Engine, type HostTensor, mean, type Tensor, type Variable } from "@lowbit/core-tensor";
import { findLayers } from "../find-layers.js";
import type { PreparedModel } from "../prepare.js";
import type { TrainedNetwork } from "./lower-model.js";

/** How far a layer's output lay from that of the network in full precision, on average. */
export interface BiasCorrection {
  readonly layer: string;
  /** The largest |mean error| of a channel before the correction. */
  readonly largest: number;
}

const channelMeans = (output: Tensor): Tensor =>
  mean(output, { axes: output.shape.map((_, axis) => axis).filter((axis) => axis !== 1) });

/**
 * Empirical bias correction: what low precision adds to each output channel of a layer on average is taken away again, layer by
 * layer, each with those before it corrected already. Afterwards each channel's mean over the images is that in full precision.
 *
 * Source: Nagel et al., arXiv 1906.04721, section 4.2 and appendix D
 *
 * @param reference  the network in full precision, on an engine of its own
 * @param lowered    has a correction in each layer; `engine` holds its variables, and gets the corrections
 */
export async function correctBias(
  reference: TrainedNetwork,
  { model: lowered, engine }: { readonly model: PreparedModel; readonly engine: Engine },
): Promise<BiasCorrection[]> {
  const { images } = reference;
  const outputsOf = reference.engine.compile(({ x }) =>
    Object.fromEntries(
      findLayers(reference.model.forward(x, { training: false })).map(({ name, node }) => [name, channelMeans(node)]),
    ),
  );
  const wanted = await meansOver(outputsOf, images);
  const corrections = new Map(lowered.variables.map((variable) => [variable.name, variable]));
  const done: BiasCorrection[] = [];
  for (const { layer } of lowered.quantization.layers) {
    const variable = corrections.get(`${layer}.correction`) as Variable;
    const run = engine.compile(({ x }) => {
      const own = lowered.layerTensors(x).find((each) => each.layer === layer);
      return { [layer]: channelMeans((own as { output: Tensor }).output) };
    });
    const found = (await meansOver(run, images)).get(layer) as Float64Array;
    const target = wanted.get(layer) as Float64Array;
    const before = await engine.read(variable);
    const data = Float32Array.from(target, (value, channel) => before.data[channel] + value - found[channel]);
    await engine.write(variable, { dtype: "f32", shape: variable.shape, data });
    done.push({ layer, largest: Math.max(...target.map((value, channel) => Math.abs(value - found[channel]))) });
  }
  return done;
}

/** Means over all images of outputs that are means over one batch each. */
async function meansOver(
  run: (inputs: Record<string, HostTensor>) => Promise<Record<string, HostTensor>>,
  images: readonly HostTensor[],
): Promise<Map<string, Float64Array>> {
  const count = images.reduce((sum, { shape }) => sum + shape[0], 0);
  const means = new Map<string, Float64Array>();
  for (const x of images) {
    for (const [name, { data }] of Object.entries(await run({ x }))) {
      const total = means.get(name) ?? new Float64Array(data.length);
      means.set(name, total);
      for (let i = 0; i < data.length; i++) total[i] += (data[i] * x.shape[0]) / count;
    }
  }
  return means;
}
