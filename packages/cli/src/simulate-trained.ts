import { ConfigurationError, type Engine, type HostTensor, input, type Tensor } from "@lowbit/core-tensor";
import { type LayerValues, parseConfiguration, simulate, type Workload } from "@lowbit/dlac-sim";
import type { PreparedModel } from "@lowbit/quant";
import { graphWorkload } from "./model-workload.js";

interface TrainedWorkload {
  readonly workload: Workload;
  /** What each layer multiplies, by its name: the simulator sees the network's own zeros. */
  readonly values: ReadonlyMap<string, LayerValues>;
}

/** The layers of a network whose weights an engine holds, as some images pass through it. */
async function trainedWorkload(model: PreparedModel, engine: Engine, images: HostTensor): Promise<TrainedWorkload> {
  const read = engine.compile<{ x: HostTensor }, Record<string, Tensor>>(({ x }: { x: Tensor }) => {
    const operands = model.operands(x);
    return Object.fromEntries(
      operands.flatMap(({ layer, weight, input: edge }) => [
        [`weights ${layer}`, weight],
        [`inputs ${layer}`, edge],
      ]),
    );
  });
  const found = await read({ x: images });
  const values = new Map(
    Object.keys(found)
      .filter((name) => name.startsWith("weights "))
      .map((name) => {
        const layer = name.slice("weights ".length);
        return [layer, { weights: found[name].data, inputs: found[`inputs ${layer}`].data }] as const;
      }),
  );
  const output = model.forward(input("images", [...images.shape]), { training: false });
  const workload = graphWorkload(output, model.name, model.quantization.precision, (layer) => {
    const own = values.get(layer);
    if (!own) throw new ConfigurationError(`layer "${layer}" tells no values`, { layer });
    return { wDensity: densityOf(own.weights), aDensity: densityOf(own.inputs) };
  });
  return { workload, values };
}

function densityOf(values: ArrayLike<number>): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (values[index] !== 0) count++;
  return count / values.length;
}

/**
 * What a grid that skips zeros makes of a trained network, and what the same grid would without skipping, as the numbers of a trial:
 * `macs`, `executedMacs`, `cycles`, `denseCycles`, and for each layer "skipGain 03 NAME", "weightDensity 03 NAME", "inputDensity 03 NAME".
 */
export async function simulateTrained(
  model: PreparedModel,
  engine: Engine,
  images: HostTensor,
  machine: Readonly<Record<string, unknown>>,
): Promise<Record<string, number>> {
  const { workload, values } = await trainedWorkload(model, engine, images);
  const run = (skip: "none" | "both") =>
    simulate(workload, parseConfiguration({ ...machine, skip }, "simulation.machine"), { values });
  const [dense, skipping] = [run("none"), run("both")];
  const perLayer = skipping.layers.flatMap(({ name, cycles, wDensity, aDensity }, index) => {
    const place = `${String(index + 1).padStart(2, "0")} ${name}`;
    return [
      [`skipGain ${place}`, dense.layers[index].cycles / cycles],
      [`weightDensity ${place}`, wDensity],
      [`inputDensity ${place}`, aDensity],
    ] as const;
  });
  const { macs, executedMacs, cycles } = skipping.total;
  return { macs, executedMacs, cycles, denseCycles: dense.total.cycles, ...Object.fromEntries(perLayer) };
}
