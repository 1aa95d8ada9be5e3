import { ArgumentError, type Engine, type ExplainedCall, type Explanation, input } from "@lowbit/core-tensor";
import { createLoader, type Dataset } from "@lowbit/data";
import { compileForward, evaluateLogits, type Model } from "@lowbit/nn";
import { parsePrecision, type Quantization } from "@lowbit/quant";
import { readLayers } from "@lowbit/wrpn";
import type { Network } from "./network-folder.js";
import { limitSplit } from "./open-named-dataset.js";

/** How one layer is computed. */
export interface LayerKernel {
  readonly layer: string;
  readonly kernel: string;
  /** Bits of the weights and of the layer's input; 32 is full precision. */
  readonly wBits: number;
  readonly aBits: number;
}

/** What `lowbit eval` finds out, of a trained and of a packed network alike. */
export interface NetworkEvaluation {
  readonly folder: string;
  readonly kind: Network["kind"];
  /** In per cent. */
  readonly accuracy: number;
  readonly top5: number;
  readonly loss: number;
  readonly images: number;
  readonly imagesPerSecond: number;
  readonly packedBytes: number;
  readonly latentBytes: number;
  readonly backend: string;
  readonly build: string;
  readonly threads: number;
  readonly kernels: readonly LayerKernel[];
}

export const weightedOperations = new Set(["conv2d", "conv2dCodes", "matmul"]);

/** Why each weighted layer is computed as it is, in order of computing. */
export function kernelReasons({ programs }: Explanation): { readonly layer: string; readonly reason: string }[] {
  return weightedCalls(programs).map(({ layer, reason }) => ({ layer, reason }));
}

const weightedCalls = (programs: Explanation["programs"]): ExplainedCall[] =>
  (programs[0]?.calls ?? []).filter(({ op, once }) => weightedOperations.has(op) && !once);

/**
 * The kernels of the weighted layers, in order of computing, out of what the engine says about a program. Bits are those of the codes
 * in the graph; where one side stays fp32 and the graph shows none, those of the network's precision.
 */
export function layerKernels({ programs }: Explanation, model: EvaluatedModel): LayerKernel[] {
  const { quantization, inputShape } = model;
  const { weightBits, inputBits } = parsePrecision(quantization.precision);
  const quantized = new Map(quantization.layers.map((each) => [each.layer, each]));
  const output = model.forward(input("images", [1, ...inputShape]), { training: false });
  const shown = new Map(readLayers(output).map((each) => [each.name, each]));
  const bitsOf = (isQuantized: boolean, own = 32, usual = 32) => (own < 32 ? own : isQuantized ? usual : 32);
  return weightedCalls(programs).map(({ layer, kernel }) => {
    const { weight, input: edge } = quantized.get(layer) ?? {};
    const own = shown.get(layer);
    const wBits = bitsOf(weight !== undefined, own?.weightBits, weightBits);
    return { layer, kernel, wBits, aBits: bitsOf(edge !== undefined, own?.inputBits, inputBits) };
  });
}

type EvaluatedModel = Pick<Model, "forward" | "inputShape"> & { readonly quantization: Quantization };

/** Evaluates a network on the test images of a data set. */
export async function evaluateNetwork(
  network: Network,
  run: {
    readonly engine: Engine;
    readonly dataset: Dataset;
    readonly limit: number | undefined;
    readonly batch: number;
    readonly signal?: AbortSignal;
    readonly onBatch?: (images: number) => void;
  },
): Promise<NetworkEvaluation> {
  const { engine, dataset, limit, batch, signal, onBatch } = run;
  checkFits(network, dataset);
  await network.load(engine);
  const loader = createLoader(limitSplit(dataset.test, limit), { batch, ...network.notes.data.normalisation });
  const logitsOf = compileForward(engine, network.model);
  // Planning is no part of the speed: the first batch runs once before. On the slow reference it would cost more than it tells.
  if (engine.backend.name !== "js") {
    for await (const { images } of loader) {
      await logitsOf({ images });
      break;
    }
    loader.seek({ epoch: 0, cursor: 0 });
  }
  const { accuracy, top5, loss, images, imagesPerSecond } = await evaluateLogits(logitsOf, { loader, signal, onBatch });
  const { name, build, threads } = engine.backend;
  return {
    folder: network.folder,
    kind: network.kind,
    ...{ accuracy, top5, loss, images, imagesPerSecond },
    packedBytes: network.packedBytes,
    latentBytes: network.latentBytes,
    ...{ backend: name, build, threads },
    kernels: layerKernels(logitsOf.explain(), network.model),
  };
}

function checkFits({ model, notes, folder }: Network, { imageShape, classes, name }: Dataset): void {
  const has = `images [${imageShape.join(", ")}] of ${classes.length} classes`;
  const wants = `images [${model.inputShape.join(", ")}] of ${notes.data.classes.length} classes`;
  if (has === wants) return;
  throw new ArgumentError(`the network in ${folder} can't be evaluated on ${name}`, {
    where: "--data",
    want: wants,
    got: has,
  });
}
