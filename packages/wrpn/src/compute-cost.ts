import { ConfigurationError } from "@lowbit/core-tensor";
import type { CountedLayer } from "./read-layers.js";

/** What layers in full precision cost: 64 bits a MAC, as much as the quantized ones, or nothing on either side. */
export type CostConvention = "charged" | "uniform" | "quantized";

export interface CostOptions {
  /** "charged" where absent. */
  readonly convention?: CostConvention;
  /** The layers of the 1x fp32 network, by the same names; the network itself, in fp32, where absent. */
  readonly baseline?: readonly CountedLayer[];
}

export interface CostFigures {
  readonly macs: number;
  /** 0 for a layer that the 1x network lacks, such as a shortcut that only widening makes necessary. */
  readonly baselineMacs: number;
  /** macs / baselineMacs; Infinity where the latter is 0 */
  readonly macRatio: number;
  /** MACs · weight bits · input bits */
  readonly bitOperations: number;
  /** MACs · (weight bits + input bits), relative to the baseline at 64 bits a MAC. */
  readonly relativeCost: number;
  /** Of the weights in fp32. */
  readonly weightBytes: number;
  /** Of the weights as codes, without gaps; each layer rounded up to a byte. */
  readonly packedBytes: number;
}

export interface LayerCost extends CostFigures {
  readonly name: string;
  /** As the convention charges them. */
  readonly weightBits: number;
  readonly inputBits: number;
}

export interface ComputeCost {
  readonly total: CostFigures;
  /** The layers that count under the convention, in order. */
  readonly layers: readonly LayerCost[];
}

const isQuantized = ({ weightBits, inputBits }: CountedLayer): boolean => weightBits < 32 || inputBits < 32;

/**
 * Compute cost of one forward pass as WRPN counts it: over all layers, the sum of MACs × (weight bits + input bits).
 *
 * @param layers              what `readLayers` found in a network's graph
 * @param options.convention  what full-precision layers cost: 64 bits a MAC ("charged"), as if quantized ("uniform"), or
 *                            nothing on either side ("quantized")
 * @returns  per layer and in total: `macs`, `baselineMacs` and `macRatio` (to the 1x network), `bitOperations`,
 *           `relativeCost` (to 1x fp32), `weightBytes` and `packedBytes`
 * @throws {ConfigurationError}  when the baseline is another network, nothing is quantized but only quantized layers count, or
 *                               quantized layers of several precisions leave open what "uniform" means
 * Source: Mishra et al., "WRPN", arXiv 1709.01134, footnote 1, where one FMA is what we call one MAC.
 * @example const { total } = computeCost(readLayers(logits, { precision: "w4a4" }), { convention: "uniform" });
 */
export function computeCost(layers: readonly CountedLayer[], options: CostOptions = {}): ComputeCost {
  const { convention = "charged", baseline = layers } = options;
  const counted = convention === "quantized" ? layers.filter(isQuantized) : layers;
  if (counted.length === 0) {
    throw new ConfigurationError("nothing is quantized, so there is nothing to count", {
      where: "convention",
      want: '"charged" or "uniform" for a network without quantized layers',
      got: convention,
    });
  }
  const uniformBits = convention === "uniform" ? commonBits(layers) : undefined;
  const isLeftOut = new Set(layers.filter((layer) => !counted.includes(layer)).map(({ name }) => name));
  const baselineOf = new Map(baseline.filter(({ name }) => !isLeftOut.has(name)).map(({ name, macs }) => [name, macs]));
  if (!counted.some(({ name }) => baselineOf.has(name))) {
    throw new ConfigurationError("the baseline is another network: no layer has the same name", {
      where: "baseline",
      want: `the 1x network, with layers such as "${counted[0].name}"`,
      got: [...baselineOf.keys()],
    });
  }
  const costs = counted.map((layer) => {
    const { name, macs, weightElements } = layer;
    const { weightBits, inputBits } = (!isQuantized(layer) && uniformBits) || layer;
    const baselineMacs = baselineOf.get(name) ?? 0;
    return {
      name,
      weightBits,
      inputBits,
      macs,
      baselineMacs,
      macRatio: macs / baselineMacs,
      bitOperations: macs * weightBits * inputBits,
      relativeCost: (macs * (weightBits + inputBits)) / (baselineMacs * 64),
      weightBytes: 4 * weightElements,
      packedBytes: Math.ceil((weightElements * weightBits) / 8),
    };
  });
  const baselineTotal = [...baselineOf.values()].reduce((sum, macs) => sum + macs, 0);
  return { total: sumUp(costs, baselineTotal), layers: costs };
}

/** The bits that all quantized layers share; 32 where there are none. */
function commonBits(layers: readonly CountedLayer[]): Pick<CountedLayer, "weightBits" | "inputBits"> {
  const precisions = new Map(
    layers.filter(isQuantized).map((layer) => [`w${layer.weightBits}a${layer.inputBits}`, layer] as const),
  );
  if (precisions.size > 1) {
    throw new ConfigurationError(`layers of ${[...precisions.keys()].join(" and ")} have no precision in common`, {
      where: "convention",
      want: '"charged" or "quantized" for a network of several precisions',
      got: "uniform",
    });
  }
  const [layer = { weightBits: 32, inputBits: 32 }] = precisions.values();
  return layer;
}

function sumUp(layers: readonly LayerCost[], baselineMacs: number): CostFigures {
  const sum = (pick: (layer: LayerCost) => number): number => layers.reduce((total, layer) => total + pick(layer), 0);
  const macs = sum((layer) => layer.macs);
  return {
    macs,
    baselineMacs,
    macRatio: macs / baselineMacs,
    bitOperations: sum((layer) => layer.bitOperations),
    relativeCost: sum(({ macs: own, weightBits, inputBits }) => own * (weightBits + inputBits)) / (baselineMacs * 64),
    weightBytes: sum((layer) => layer.weightBytes),
    packedBytes: sum((layer) => layer.packedBytes),
  };
}
