import {
  ArgumentError,
  type CodeFormat,
  type Engine,
  type HostTensor,
  input,
  type Tensor,
  unpackCodes,
} from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { createLoader } from "@lowbit/data";
import type { LayerValues, Workload } from "@lowbit/dlac-sim";
import { parsePrecision } from "@lowbit/quant";
import { type CountedNode, findCountedNodes } from "@lowbit/wrpn";
import { dataOf, layInputs, layWeights } from "./layer-layout.js";
import { graphWorkload } from "./model-workload.js";
import { openNetwork } from "./network-folder.js";
import { openEngine } from "./open-engine.js";
import { openNamedDataset } from "./open-named-dataset.js";
import { loadRegistry } from "./plugins.js";

/** A network as the simulator takes it. */
export interface CheckpointWorkload {
  readonly workload: Workload;
  /** Where each layer's zeros are, by its name; only where places are asked for. */
  readonly values?: ReadonlyMap<string, LayerValues>;
}

export interface CheckpointWorkloadOptions {
  readonly images: number;
  /** Another data set than the network was trained on. */
  readonly data?: string;
  /** Whether the places of the zeros are wanted: the workload's batch is then these images, and not one of their kind. */
  readonly withPlaces: boolean;
}

/**
 * The layers of a trained network with its own zeros: of its weights as they are quantized, and of the activations that reach each
 * layer, measured on the first test images of the data set that it was trained on. A packed network's are its codes that stand for 0.
 */
export async function checkpointWorkload(
  folder: string,
  { images, data, withPlaces }: CheckpointWorkloadOptions,
): Promise<CheckpointWorkload> {
  const storage = openStorage();
  const network = await openNetwork(storage, folder, await loadRegistry(storage));
  const { experiment, data: trainedOn } = network.notes;
  const dataset = await openNamedDataset(data ?? experiment.data, "--data");
  const loader = createLoader(dataset.test, {
    batch: Math.min(images, dataset.test.count),
    ...trainedOn.normalisation,
  });
  const engine = await openEngine({ backend: "wasm", threads: 1, build: undefined }, "inference");
  try {
    await network.load(engine);
    const { model } = network;
    const precision = parsePrecision(model.quantization.precision).name;
    const forward = (x: Tensor): Tensor => model.forward(x, { training: false });
    for await (const batch of loader) {
      const layers = await readZeros(engine, forward, batch.images, precision);
      const count = batch.images.shape[0];
      const output = forward(input("images", [withPlaces ? count : 1, ...model.inputShape]));
      const name = `${folder}, zeros of its weights and of ${count} image${count === 1 ? "" : "s"}${withPlaces ? ", place by place" : ""}`;
      const densities = layers.map(({ weights, inputs }) => ({
        wDensity: densityOf(weights),
        aDensity: densityOf(inputs),
      }));
      const workload = graphWorkload(output, name, precision, (_, index) => densities[index]);
      return withPlaces ? { workload, values: new Map(layers.map((layer) => [layer.name, layer])) } : { workload };
    }
    throw new ArgumentError("there are no test images", { where: "--data" });
  } finally {
    await loader.close();
    await engine.close();
  }
}

/** A layer's operands as the simulator lays them out: 1 where a value is not zero. */
interface LayerZeros extends LayerValues {
  readonly name: string;
  readonly inputs: Uint8Array;
  readonly weights: Uint8Array;
}

/** Runs a batch up to the operands of every weighted layer, and looks where they are zero. */
async function readZeros(
  engine: Engine,
  forward: (images: Tensor) => Tensor,
  images: HostTensor,
  precision: string,
): Promise<LayerZeros[]> {
  let layers: readonly CountedNode[] = [];
  const operands = engine.compile<{ images: HostTensor }, Record<string, Tensor>>(
    (inputs: { images: Tensor }): Record<string, Tensor> => {
      layers = findCountedNodes(forward(inputs.images), { precision });
      return Object.fromEntries(
        layers.flatMap((layer, index) => [
          [`weight${index}`, codesOf(layer.weight, layer.node.attributes.w)],
          [`data${index}`, dataOf(layer)],
        ]),
      );
    },
  );
  const found = await operands({ images });
  return layers.map((layer, index) => {
    const format: CodeFormat | undefined = dataOf(layer).dtype === "u8" ? layer.node.attributes.x : undefined;
    const zero = format ? -format.offset / format.step : 0;
    return {
      name: layer.name,
      weights: layWeights(layer, maskOf(found[`weight${index}`].data, 0)),
      inputs: layInputs(layer, maskOf(found[`data${index}`].data, zero)),
    };
  });
}

const maskOf = (values: ArrayLike<number>, zero: number): Uint8Array =>
  Uint8Array.from(values, (value) => (value === zero ? 0 : 1));

/** The whole numbers of a packed weight; any other as it is. */
const codesOf = (weight: Tensor, format: CodeFormat | undefined): Tensor =>
  weight.dtype === "f32" || format === undefined ? weight : unpackCodes(weight, { format });

/** The share of values that are not zero. */
function densityOf(mask: Uint8Array): number {
  let count = 0;
  for (const bit of mask) count += bit;
  return count / mask.length;
}
