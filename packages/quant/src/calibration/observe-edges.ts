import { type Engine, type HostTensor, rewrite, type Tensor } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { weightOf } from "../find-layers.js";
import type { BoundQuantizer } from "../grid.js";
import { quantizeEdge } from "../quantize-edge.js";

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
  const places: string[] = [];
  const run = engine.compile(({ x }) => {
    places.length = 0;
    const edges: Tensor[] = [];
    rewrite([model.forward(x, { training: false })], (node, [edge]) => {
      const bound = weightOf(node) && inputs.get(node.layer);
      if (!bound) return undefined;
      quantizeEdge(edge, bound, (values) => {
        edges.push(values);
        places.push(node.layer);
        return values;
      });
      return undefined;
    });
    return Object.fromEntries(edges.map((edge, i) => [String(i), edge]));
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
