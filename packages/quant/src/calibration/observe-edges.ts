import type { Engine, HostTensor } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import type { BoundQuantizer } from "../grid.js";
import { quantizedEdges } from "../quantized-edges.js";

/** Values that are kept of one edge: evenly taken where there are more. */
const KEPT = 2 ** 18;

/**
 * Values that reach the quantized inputs of some layers in an evaluation of calibration images, while the network computes in
 * full precision.
 *
 * @param engine  holds the model's variables
 * @param inputs  the quantizer of each layer's input, by layer
 * @param images  batches [N, C, H, W], normalised as those of training
 * @returns by layer, f32 [count]
 */
export async function observeEdges(
  engine: Engine,
  model: Model,
  inputs: ReadonlyMap<string, BoundQuantizer>,
  images: readonly HostTensor[],
): Promise<Map<string, HostTensor>> {
  let places: string[] = [];
  const run = engine.compile(({ x }) => {
    const edges = quantizedEdges(model.forward(x, { training: false }), inputs);
    places = edges.map(({ layer }) => layer);
    return Object.fromEntries(edges.map(({ values }, i) => [String(i), values]));
  });
  const parts = new Map<string, Float32Array[]>();
  for (const x of images) {
    const results = await run({ x });
    places.forEach((layer, i) => {
      const values = results[String(i)].data as Float32Array;
      const sharers = places.filter((each) => each === layer).length;
      const part = everyNth(values, Math.ceil((values.length * images.length * sharers) / KEPT));
      parts.set(layer, [...(parts.get(layer) ?? []), part]);
    });
  }
  return new Map([...parts].map(([layer, each]) => [layer, joined(each)]));
}

function everyNth(values: Float32Array, n: number): Float32Array {
  return n <= 1 ? values : Float32Array.from({ length: Math.ceil(values.length / n) }, (_, i) => values[i * n]);
}

function joined(parts: readonly Float32Array[]): HostTensor {
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { dtype: "f32", shape: [data.length], data };
}
