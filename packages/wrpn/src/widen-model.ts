import {
  ArgumentError,
  ConfigurationError,
  createStream,
  elementsOf,
  fillUniform,
  type HostTensor,
  input,
  type Shape,
  type Tensor,
  topologicalOrder,
  type Variable,
} from "@lowbit/core-tensor";
import { createModel, type Model, type ModelOptions } from "@lowbit/nn";
import { type Copies, findChannelCopies, type WideLayer } from "./channel-copies.js";

export interface WidenOptions {
  /** How many times as many channels; at least 1, as 2 or 1.5. */
  readonly factor: number;
  /** Widen the first layer too; true where absent. */
  readonly firstLayer?: boolean;
  /** The values of the narrow network's variables now; its initial ones where absent. */
  readonly read?: (variable: Variable) => Promise<HostTensor>;
  /**
   * How unevenly copies of a channel share the weights of their readers, from 0 to below 1; 0.1 where absent. With 0 copies
   * get equal gradients and stay copies for ever.
   */
  readonly unevenness?: number;
  /** Of the shares; 0 where absent. */
  readonly seed?: number;
}

export interface WideModel {
  readonly model: Model;
  /** Of all its variables, by name: what `restoreVariables` takes. */
  readonly values: ReadonlyMap<string, HostTensor>;
}

const logitsOf = (model: Model): Tensor =>
  model.forward(input("images", [1, ...model.inputShape]), { training: false });

const initialOf = async ({ dtype, shape, initial }: Variable): Promise<HostTensor> => ({ dtype, shape, data: initial });

/**
 * Makes a wider network that computes the same function as a trained one: channels are copied, and what reads a channel shares
 * its weights among the copies. Training goes on from there instead of from scratch.
 *
 * Equal are the logits of both in fp32, to rounding. Low precision comes afterwards: `prepare` the wide network.
 *
 * @param narrow  a built-in network
 * @throws {ArgumentError} for a factor below 1, or an impossible unevenness
 * @throws {ConfigurationError} where the first layer stays narrow and a projection would have to undo a ReLU
 * Source: Chen, Goodfellow and Shlens, "Net2Net", arXiv 1511.05641, section 2.2; uneven shares in place of their noise
 * @example
 * const { model, values } = await widenModel(trained, { factor: 2, read: (variable) => engine.read(variable) });
 * await restoreVariables(engine, model.variables, values, "widened");
 */
export async function widenModel(narrow: Model, options: WidenOptions): Promise<WideModel> {
  const { factor, firstLayer = true, read = initialOf, unevenness = 0.1, seed = 0 } = options;
  if (!(factor >= 1 && Number.isFinite(factor))) {
    throw new ArgumentError(`a network can't be widened ${factor} times`, {
      want: "a factor of at least 1",
      got: factor,
    });
  }
  if (!(unevenness >= 0 && unevenness < 1)) {
    throw new ArgumentError(`copies can't share with unevenness ${unevenness}`, { want: "0 ≤ unevenness < 1" });
  }
  const made = narrow.options as unknown as Required<ModelOptions>;
  const model = createModel(narrow.name, {
    ...made,
    width: made.width * factor,
    firstLayerWidth: made.firstLayerWidth * (firstLayer ? factor : 1),
  });
  const sources = new Map(narrow.variables.map((variable) => [variable.name, variable]));
  const shapes = new Map(narrow.variables.map(({ name, shape }) => [name, shape]));
  const { layers, vectors } = findChannelCopies(logitsOf(model), shapes);
  const values = new Map<string, HostTensor>();
  for (const layer of layers) {
    const source = sources.get(layer.weight.name);
    if (!source) checkProjection(narrow, layer.weight.name);
    const shares = shareAmongCopies(layer.from, unevenness, seed, layer.weight.name);
    values.set(layer.weight.name, widenWeight(layer, shares, source && (await read(source))));
  }
  for (const [{ name, shape }, copies] of vectors) {
    const { dtype, data } = await read(sources.get(name) as Variable);
    values.set(name, { dtype, shape, data: Float32Array.from(copies, (channel) => data[channel]) });
  }
  return { model, values };
}

/** For each copy its part of what its channel's readers take: positive, and 1 over all copies of a channel. */
function shareAmongCopies(copies: Copies, unevenness: number, seed: number, name: string): Float64Array {
  const shares = new Float32Array(copies.length);
  fillUniform(shares, createStream(seed, `widen/${name}`), { low: 1 - unevenness, high: 1 + unevenness });
  const totals = new Float64Array(Math.max(...copies) + 1);
  copies.forEach((channel, i) => {
    totals[channel] += shares[i];
  });
  return Float64Array.from(shares, (share, i) => share / totals[copies[i]]);
}

/**
 * w'[m', c', …] = w[to(m'), from(c'), …] · share(c'); where the narrow network has no such layer, its stream went past
 * unchanged: w' passes each channel to its copies.
 */
function widenWeight(layer: WideLayer, shares: Float64Array, source: HostTensor | undefined): HostTensor {
  const { weight, from, to, groups } = layer;
  const { shape } = weight;
  const [M, C] = shape;
  const taps = elementsOf(shape.slice(2));
  const data = new Float32Array(elementsOf(shape));
  const narrowC = source?.shape[1] ?? 1;
  for (let m = 0; m < M; m++) {
    const group = Math.floor(m / (M / groups));
    for (let c = 0; c < C; c++) {
      const share = shares[group * C + c];
      const channel = from[group * C + c];
      const at = (m * C + c) * taps;
      if (!source) {
        data[at] = channel === to[m] ? share : 0;
        continue;
      }
      const sourceAt = (to[m] * narrowC + (channel - group * narrowC)) * taps;
      for (let tap = 0; tap < taps; tap++) data[at + tap] = source.data[sourceAt + tap] * share;
    }
  }
  return { dtype: "f32", shape: shape as Shape, data };
}

/** A projection that only the wide network has can pass its input on; it can't bring back what a ReLU before it took away. */
function checkProjection(narrow: Model, name: string): void {
  const block = name.replace(/\.shortcut\.weight$/, "");
  const order = topologicalOrder([logitsOf(narrow)]);
  const sum = order.find((node) => node.layer === block && node.op.name === "add");
  const first = order.find((node) => node.layer === `${block}.conv1` && node.op.name === "conv2d");
  if (sum && first && sum.inputs.includes(first.inputs[0])) return;
  throw new ConfigurationError(`${narrow.name} can't keep its first layer narrow and compute the same`, {
    where: block,
    want: "a block whose shortcut reads what it adds, as the first one of resnet18, 34, 50 and 101",
    hint: "widen the first layer too",
  });
}
