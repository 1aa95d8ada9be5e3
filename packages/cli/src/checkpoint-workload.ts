import { ArgumentError, type Engine, type HostTensor, input, type Tensor } from "@lowbit/core-tensor";
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
 * layer, measured on the first test images of the data set that it was trained on.
 *
 * @throws {ArgumentError} for a packed network: its zeros are those of the folder that it was converted from
 */
export async function checkpointWorkload(folder: string, images: number, data?: string): Promise<Workload> {
  const storage = openStorage();
  const network = await openNetwork(storage, folder, await loadRegistry(storage));
  if (network.kind === "packed") {
    throw new ArgumentError("the zeros of a packed network can't be read", {
      where: "--checkpoint",
      want: "the folder that train has written, from which it was converted",
    });
  }
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
  const operands = engine.compile<{ images: HostTensor }, Record<string, Tensor>>(
    (inputs: { images: Tensor }): Record<string, Tensor> => {
      const layers = findCountedNodes(forward(inputs.images), { precision });
      return Object.fromEntries(
        layers.flatMap(({ node, weight }, index) => [
          [`weight${index}`, weight],
          [`data${index}`, node.inputs.find((each) => each !== weight) as Tensor],
        ]),
      );
    },
  );
  const values = await operands({ images });
  const count = Object.keys(values).length / 2;
  return Array.from({ length: count }, (_, index) => ({
    wDensity: densityOf(values[`weight${index}`].data),
    aDensity: densityOf(values[`data${index}`].data),
  }));
}

function densityOf(values: ArrayLike<number>): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (values[index] !== 0) count++;
  return count / values.length;
}
