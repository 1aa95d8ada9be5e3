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
import type { Workload } from "@lowbit/dlac-sim";
import { parsePrecision } from "@lowbit/quant";
import { findCountedNodes } from "@lowbit/wrpn";
import { type Densities, graphWorkload } from "./model-workload.js";
import { openNetwork } from "./network-folder.js";
import { openEngine } from "./open-engine.js";
import { openNamedDataset } from "./open-named-dataset.js";
import { loadRegistry } from "./plugins.js";

/**
 * The layers of a trained network with its own zeros: of its weights as they are quantized, and of the activations that reach each
 * layer, measured on the first test images of the data set that it was trained on. A packed network's are its codes that stand for 0.
 */
export async function checkpointWorkload(folder: string, images: number, data?: string): Promise<Workload> {
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
      const densities = await measureZeros(engine, forward, batch.images, precision);
      const output = forward(input("images", [1, ...model.inputShape]));
      const name = `${folder}, zeros of its weights and of ${batch.images.shape[0]} images`;
      return graphWorkload(output, name, precision, (_, index) => densities[index]);
    }
    throw new ArgumentError("there are no test images", { where: "--data" });
  } finally {
    await loader.close();
    await engine.close();
  }
}

/** Runs a batch up to the operands of every weighted layer, and counts what is not zero in them. */
async function measureZeros(
  engine: Engine,
  forward: (images: Tensor) => Tensor,
  images: HostTensor,
  precision: string,
): Promise<Densities[]> {
  let zeroFields: number[] = [];
  const operands = engine.compile<{ images: HostTensor }, Record<string, Tensor>>(
    (inputs: { images: Tensor }): Record<string, Tensor> => {
      const layers = findCountedNodes(forward(inputs.images), { precision });
      const dataOf = ({ node, weight }: (typeof layers)[number]) =>
        node.inputs.find((each) => each !== weight) as Tensor;
      zeroFields = layers.map((layer) => {
        const format: CodeFormat | undefined = dataOf(layer).dtype === "u8" ? layer.node.attributes.x : undefined;
        return format ? -format.offset / format.step : 0;
      });
      return Object.fromEntries(
        layers.flatMap((layer, index) => [
          [`weight${index}`, codesOf(layer.weight, layer.node.attributes.w)],
          [`data${index}`, dataOf(layer)],
        ]),
      );
    },
  );
  const values = await operands({ images });
  const count = Object.keys(values).length / 2;
  return Array.from({ length: count }, (_, index) => ({
    wDensity: densityOf(values[`weight${index}`].data, 0),
    aDensity: densityOf(values[`data${index}`].data, zeroFields[index]),
  }));
}

/** The whole numbers of a packed weight; any other as it is. */
const codesOf = (weight: Tensor, format: CodeFormat | undefined): Tensor =>
  weight.dtype === "f32" || format === undefined ? weight : unpackCodes(weight, { format });

/** The share of values that do not stand for 0. */
function densityOf(values: ArrayLike<number>, zero: number): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (values[index] !== zero) count++;
  return count / values.length;
}
