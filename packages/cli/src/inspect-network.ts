import { type Engine, input, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { compileForward, type Model } from "@lowbit/nn";
import type { Quantization } from "@lowbit/quant";
import { type CountedLayer, readLayers } from "@lowbit/wrpn";
import { kernelReasons, layerKernels, weightedOperations } from "./evaluate-network.js";

/** One weighted layer. */
export interface InspectedLayer {
  readonly layer: string;
  readonly operation: string;
  /** [M, C, R, S] of a convolution, [M, K] of a product. */
  readonly weightShape: readonly number[];
  /** For a batch of one. */
  readonly outputShape: readonly number[];
  readonly wBits: number;
  readonly aBits: number;
  /** Weights; what batch norm adds is absorbed by its neighbours. */
  readonly parameters: number;
  /** Bytes of the weights as stored packed. */
  readonly packedBytes: number;
  /** Multiply-accumulates for one image. */
  readonly macs: number;
  readonly kernel: string;
  /** Why this kernel: bits, shape, and what the cost rule says of the others. */
  readonly kernelReason: string;
  /** What is stored on the edge into the layer: codes as bytes, codes held in fp32 (fake quantization), or fp32 values. */
  readonly inputEdge: "codes" | "codes in fp32" | "fp32";
}

export interface InspectedNetwork {
  readonly model: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly inputShape: readonly number[];
  readonly layers: readonly InspectedLayer[];
  /** MACs for one image by precision: { "fp32": …, "w2a2": … }. */
  readonly macsByPrecision: Readonly<Record<string, number>>;
  /** Edges into layers that are codes, of all of them. */
  readonly codeEdges: number;
  readonly backend: string;
  readonly build: string;
  readonly threads: number;
}

function edgeOf({ op, inputs }: Tensor): InspectedLayer["inputEdge"] {
  if (op.name !== "conv2dCodes") return "fp32";
  return inputs[0].dtype === "u8" ? "codes" : "codes in fp32";
}

const precisionOf = ({ weightBits, inputBits }: Pick<CountedLayer, "weightBits" | "inputBits">): string =>
  weightBits === 32 && inputBits === 32 ? "fp32" : `w${weightBits}a${inputBits}`;

/** Reads the evaluation graph of a network, and asks the engine which kernels it would run for one image. */
export async function inspectNetwork(
  model: Pick<Model, "name" | "inputShape" | "forward"> & { readonly quantization: Quantization },
  engine: Engine,
): Promise<InspectedNetwork> {
  const { name, inputShape, quantization } = model;
  const shape = [1, ...inputShape];
  const output = model.forward(input("images", shape), { training: false });
  const nodes = topologicalOrder([output]).filter(({ op }) => weightedOperations.has(op.name));
  const logitsOf = compileForward(engine, model);
  const pixels = shape.reduce((product, size) => product * size, 1);
  await logitsOf({ images: { dtype: "f32", shape, data: new Float32Array(pixels) } });
  const explanation = logitsOf.explain();
  const kernels = new Map(layerKernels(explanation, model).map(({ layer, kernel }) => [layer, kernel]));
  const reasons = new Map(kernelReasons(explanation).map(({ layer, reason }) => [layer, reason]));
  const counted = readLayers(output);
  const layers = counted.map((each): InspectedLayer => {
    const node = nodes.find(({ layer }) => layer === each.name) as Tensor; // counted in the same graph
    return {
      layer: each.name,
      operation: node.op.name,
      weightShape: node.inputs[1].shape,
      outputShape: node.shape,
      wBits: each.weightBits,
      aBits: each.inputBits,
      parameters: each.weightElements,
      packedBytes: Math.ceil((each.weightElements * each.weightBits) / 8),
      macs: each.macs,
      kernel: kernels.get(each.name) ?? "none",
      kernelReason: reasons.get(each.name) ?? "computed once, when the network is loaded",
      inputEdge: edgeOf(node),
    };
  });
  const macsByPrecision: Record<string, number> = Object.create(null);
  for (const each of counted) {
    const precision = precisionOf(each);
    macsByPrecision[precision] = (macsByPrecision[precision] ?? 0) + each.macs;
  }
  return {
    model: name,
    precision: quantization.precision,
    quantizer: quantization.scheme,
    inputShape,
    layers,
    macsByPrecision,
    codeEdges: layers.filter(({ inputEdge }) => inputEdge !== "fp32").length,
    backend: engine.backend.name,
    build: engine.backend.build,
    threads: engine.backend.threads,
  };
}
