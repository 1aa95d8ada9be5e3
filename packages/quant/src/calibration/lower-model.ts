import { divide, type Engine, type HostTensor, input, type Variable } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { type BoundLayer, bindLayers } from "../bind-layers.js";
import { findLayers } from "../find-layers.js";
import type { BoundQuantizer } from "../grid.js";
import { learns } from "../learned-values.js";
import { applyQuantization, type PreparedModel } from "../prepare.js";
import { planQuantization, type Quantization, type QuantizationOptions } from "../quantization.js";
import type { Registry } from "../registry.js";
import { fitLearned } from "./fit-learned.js";
import { observeEdges } from "./observe-edges.js";

/** How a trained network is lowered: as `prepare` is told, but that what it reads is in the engine, and batch norm stays beside the layers. */
export type LoweringOptions = Omit<QuantizationOptions, "read" | "calibration" | "registry" | "foldBatchNorm"> & {
  readonly registry: Registry;
};

/** A trained network in full precision, on an engine, and images that pass through it. */
export interface TrainedNetwork {
  /** Holds the model's variables as they were trained. */
  readonly engine: Engine;
  readonly model: Model;
  /** Batches [N, C, H, W], normalised as those of training. */
  readonly images: readonly HostTensor[];
}

/**
 * Lowers a trained network as it is: quantizers are chosen, and what they would learn is fitted to the weights and to what the
 * images make of each input. Nothing is trained; weights stay what they are.
 *
 * @returns the lowered model; what its quantizers hold is on the engine
 * @throws {ConfigurationError} as `planQuantization` does
 */
export async function lowerModel(network: TrainedNetwork, options: LoweringOptions): Promise<PreparedModel> {
  const { engine, model } = network;
  const read = (variable: Variable) => engine.read(variable);
  const quantization = await planQuantization(model, { ...options, read });
  return fitQuantization(network, quantization, options.registry);
}

/** The same for a quantization that has been chosen already. */
export async function fitQuantization(
  { engine, model, images }: TrainedNetwork,
  quantization: Quantization,
  registry: Registry,
): Promise<PreparedModel> {
  const lowered = applyQuantization(model, quantization, registry);
  const { layers } = bindLayers(model, quantization, registry);
  const fitted = await fitLayers({ engine, model, images }, layers);
  for (const variable of lowered.variables) {
    const value = fitted.get(variable.name);
    if (value) await engine.write(variable, value);
  }
  return lowered;
}

/** What all quantizers learn, by the name of the variable: "stage1.block0.conv1.input.step". */
async function fitLayers(
  { engine, model, images }: TrainedNetwork,
  layers: ReadonlyMap<string, BoundLayer>,
): Promise<Map<string, HostTensor>> {
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const weights = new Map(findLayers(output).map(({ name, weight }) => [name, weight]));
  const fitted = new Map<string, HostTensor>();
  const fitSlot = async (slot: string, bound: BoundQuantizer, values: HostTensor) => {
    for (const [name, value] of Object.entries(await fitLearned(engine, bound, values)))
      fitted.set(`${slot}.${name}`, value);
  };
  const inputs = new Map<string, BoundQuantizer>();
  for (const [name, { weight: own, input: edge }] of layers) {
    if (own && learns(own)) {
      const weight = weights.get(name) as Variable;
      const [values] =
        own.gain === 1 ? [await engine.read(weight)] : await engine.evaluate([divide(weight.tensor, own.gain)]);
      await fitSlot(`${name}.weight`, own, values);
    }
    if (edge && learns(edge)) inputs.set(name, edge);
  }
  if (inputs.size === 0) return fitted;
  const observed = await observeEdges(engine, model, inputs, images);
  for (const [name, values] of observed) await fitSlot(`${name}.input`, inputs.get(name) as BoundQuantizer, values);
  return fitted;
}
