import { type Engine, grad, type HostTensor, sum, type Tensor } from "@lowbit/core-tensor";
import type { CodeRange } from "./define-quantizer.js";
import type { PreparedModel } from "./prepare.js";

/** A quantized slot of a layer as the graph has it: its codes, and the values that they are the codes of. */
export interface QuantizedSlot {
  readonly layer: string;
  readonly slot: "weight" | "input";
  readonly values: Tensor;
  readonly levels: Tensor;
  readonly codes: Tensor;
  readonly range: CodeRange;
}

/** How a quantized slot of a layer uses its codes, for some images. */
export interface LayerDiagnosis {
  readonly layer: string;
  readonly slot: "weight" | "input";
  /** The share of values whose code is 0; 0 to 1. */
  readonly zeros: number;
  /** The share of values that get no gradient: those beyond the edges of the grid. */
  readonly clipped: number;
  /** How often each code occurs, from the smallest up. */
  readonly histogram: readonly number[];
  /** The share of a weight's codes that are not what they were at the last diagnosis; absent the first time. */
  readonly changed?: number;
}

/**
 * Looks at every quantized weight and input while a batch of images passes: shares of zeros and clipped values, and how often
 * each code occurs. Nothing is trained: batch norm goes by its running statistics.
 *
 * @returns a function of images [N, C, H, W], normalised as those of training; each call also tells which weight codes have
 *          changed since the one before (bit flips, at one bit)
 * @example const diagnose = layerDiagnosis(prepared, engine); const [first] = await diagnose(images);
 */
export function layerDiagnosis(
  model: PreparedModel,
  engine: Engine,
): (images: HostTensor) => Promise<readonly LayerDiagnosis[]> {
  let slots: readonly QuantizedSlot[] = [];
  const run = engine.compile(({ x }) => {
    slots = model.slots(x);
    const outputs = slots.flatMap(({ codes, levels, values }, i) => [
      [`codes${i}`, codes] as const,
      [`slopes${i}`, grad(sum(levels), [values])[0]] as const,
    ]);
    return Object.fromEntries(outputs);
  });
  let previous: readonly Int16Array[] = [];
  return async (x) => {
    if (model.quantization.layers.length === 0) return [];
    const results = await run({ x });
    const codes = slots.map((_, i) => Int16Array.from(results[`codes${i}`].data as Float32Array));
    const diagnoses = slots.map(({ layer, slot, range }, i) => {
      const before = slot === "weight" ? previous.at(i) : undefined;
      return {
        ...{ layer, slot },
        zeros: shareOf(codes[i], (code) => code === 0),
        clipped: shareOf(results[`slopes${i}`].data as Float32Array, (slope) => slope === 0),
        histogram: histogramOf(codes[i], range),
        ...(before && { changed: shareOf(codes[i], (code, at) => code !== before[at]) }),
      };
    });
    previous = codes;
    return diagnoses;
  };
}

/** The share of values of which something is true; 0 to 1. */
function shareOf(values: Int16Array | Float32Array, holds: (value: number, at: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (holds(values[i], i)) count++;
  return count / values.length;
}

function histogramOf(codes: Int16Array, { kind, min, max }: CodeRange): number[] {
  const step = kind === "bipolar" ? 2 : 1;
  const histogram = new Array<number>((max - min) / step + 1).fill(0);
  for (const code of codes) histogram[(code - min) / step]++;
  return histogram;
}

/** Why a layer that shows this learns nothing any more; undefined where it does. */
export function collapseOf({ layer, slot, zeros, clipped, histogram }: LayerDiagnosis): string | undefined {
  const what = slot === "weight" ? `all weights of layer "${layer}"` : `all inputs of layer "${layer}"`;
  if (zeros === 1) return `${what} fall on code 0: nothing passes, and nothing is learned`;
  if (clipped === 1) return `${what} are clipped: none of them gets a gradient`;
  if (histogram.filter((count) => count > 0).length === 1) return `${what} fall on one code: they tell nothing apart`;
  return undefined;
}
