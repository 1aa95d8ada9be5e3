import { JsBackend } from "../../../src/backends/js/js-backend.js";
import { Engine } from "../../../src/engine/engine.js";
import type { HostTensor } from "../../../src/graph/dtype.js";
import { elementsOf, type Shape } from "../../../src/graph/shape.js";
import { constantOf } from "../../../src/graph/sources.js";
import type { Tensor } from "../../../src/graph/tensor.js";
import { add, multiply } from "../../../src/ops/arithmetic.js";
import { conv2dCodes, packCodes, unpackCodes } from "../../../src/ops/codes.js";
import { conv2d } from "../../../src/ops/conv2d.js";
import { matmul } from "../../../src/ops/matmul.js";
import { averagePool2d, maxPool2d } from "../../../src/ops/pool.js";
import { argmax } from "../../../src/ops/reduce.js";
import { reshape } from "../../../src/ops/shape-ops.js";
import { softmax } from "../../../src/ops/softmax.js";
import { cast, clip, relu, roundHalfEven } from "../../../src/ops/unary.js";
import { codeFormat } from "../../../src/packed/code-format.js";
import type { Backend } from "../../../src/plan/backend.js";
import { difference, numbers } from "../wasm/run-call.js";

const weights = (shape: Shape, seed: number): Tensor =>
  constantOf({ dtype: "f32", shape, data: numbers(elementsOf(shape), seed, [-0.5, 0.5]) });

/** Whole numbers of ternary weights in packed words. */
function ternaryWeights(shape: Shape, seed: number): Tensor {
  const whole = numbers(elementsOf(shape), seed, [-1.49, 1.49]).map(Math.round);
  return packCodes(constantOf({ dtype: "f32", shape, data: whole }), { format: ternary });
}

const ternary = codeFormat("ternary", -1, 1);
const levels = codeFormat("uint", 0, 3);

/** Fields 0 … 3 of x in [0, 3]. */
const toFields = (x: Tensor): Tensor => cast(roundHalfEven(clip(x, { min: 0, max: 3 })), { dtype: "u8" });

/** A residual block of codes, as a packed network has it, and what follows: the values that leave it are whole numbers but the last. */
function packedNetwork(images: Tensor): Record<string, Tensor> {
  const fields = toFields(multiply(images, 3));
  const kept = packCodes(cast(fields, { dtype: "f32" }), { format: levels });
  const window = { padding: 1, x: levels, w: ternary };
  const sums = conv2dCodes(fields, ternaryWeights([18, 18, 3, 3], 2), window);
  const inner = toFields(multiply(cast(sums, { dtype: "f32" }), 0.125));
  const more = cast(conv2dCodes(inner, ternaryWeights([18, 18, 3, 3], 3), window), { dtype: "f32" });
  const joined = relu(add(more, unpackCodes(kept, { format: levels })));
  const logits = matmul(reshape(averagePool2d(joined, { window: 6 }), { shape: [-1, 18] }), weights([18, 10], 4));
  return { sums, joined, probabilities: softmax(logits), classes: argmax(logits, { axis: 1 }) };
}

function floatNetwork(images: Tensor): Record<string, Tensor> {
  const hidden = relu(add(conv2d(images, weights([12, 18, 3, 3], 5), { padding: 1 }), weights([1, 12, 1, 1], 6)));
  const pooled = maxPool2d(hidden, { window: 2 });
  const logits = matmul(reshape(pooled, { shape: [-1, 108] }), weights([108, 10], 7));
  return { hidden, probabilities: softmax(logits) };
}

/** Whole networks on a backend and on the reference, twice each with other images: how far apart every result is at most. */
export async function runNetworks(
  backend: Backend,
): Promise<{ name: string; difference: number; kernels: string[] }[]> {
  const found: { name: string; difference: number; kernels: string[] }[] = [];
  for (const network of [packedNetwork, floatNetwork]) {
    const [tried, reference] = [new Engine(backend), new Engine(new JsBackend())].map((engine) =>
      engine.compile<{ images: HostTensor }, Record<string, Tensor>>(({ images }) => network(images)),
    );
    for (const seed of [1, 2]) {
      const images: HostTensor = { dtype: "f32", shape: [3, 18, 6, 6], data: numbers(1944, seed, [0, 1]) };
      const [results, expected] = [await tried({ images }), await reference({ images })];
      const kernels = tried.explain().programs[0].calls.map(({ kernel }) => kernel);
      for (const [name, { data }] of Object.entries(expected)) {
        found.push({ name: `${network.name}, ${name}`, difference: difference(results[name].data, data), kernels });
      }
    }
  }
  return found;
}
