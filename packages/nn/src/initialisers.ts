import {
  createStream,
  elementsOf,
  fillNormal,
  fillUniform,
  parameter,
  type Shape,
  type Variable,
} from "@lowbit/core-tensor";

/** The first values of a parameter: a function of its shape, a seed and its name alone. */
export type Initialiser = (shape: Shape, seed: number, name: string) => Float32Array;

/** Inputs and outputs that one weight of [out, in, …taps] connects, taps counted: fan-in = in · taps, fan-out = out · taps. */
function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  const taps = elementsOf(shape.slice(2));
  return { fanIn: shape[1] * taps, fanOut: shape[0] * taps };
}

const streamOf = (seed: number, name: string) => createStream(seed, `init/${name}`);

function normalOf(shape: Shape, seed: number, name: string, std: number): Float32Array {
  const values = new Float32Array(elementsOf(shape));
  fillNormal(values, streamOf(seed, name), { std });
  return values;
}

function uniformOf(shape: Shape, seed: number, name: string, bound: number): Float32Array {
  const values = new Float32Array(elementsOf(shape));
  fillUniform(values, streamOf(seed, name), { low: -bound, high: bound });
  return values;
}

/** Normal, std = √(2 / fan-in): keeps the variance of activations through ReLU layers. Source: He et al., arXiv 1502.01852, eq. 10. */
export const heFanIn: Initialiser = (shape, seed, name) =>
  normalOf(shape, seed, name, Math.sqrt(2 / fans(shape).fanIn));

/** Normal, std = √(2 / fan-out): keeps the variance of gradients; the choice of residual networks. Source: He et al., eq. 14. */
export const heFanOut: Initialiser = (shape, seed, name) =>
  normalOf(shape, seed, name, Math.sqrt(2 / fans(shape).fanOut));

/** Normal, std = √(2 / (fan-in + fan-out)). Source: Glorot and Bengio, AISTATS 2010, eq. 12. */
export const xavierNormal: Initialiser = (shape, seed, name) => {
  const { fanIn, fanOut } = fans(shape);
  return normalOf(shape, seed, name, Math.sqrt(2 / (fanIn + fanOut)));
};

/** Uniform in ±√(6 / (fan-in + fan-out)). Source: Glorot and Bengio, AISTATS 2010, eq. 16. */
export const xavierUniform: Initialiser = (shape, seed, name) => {
  const { fanIn, fanOut } = fans(shape);
  return uniformOf(shape, seed, name, Math.sqrt(6 / (fanIn + fanOut)));
};

export const zeros: Initialiser = (shape) => new Float32Array(elementsOf(shape));
export const ones: Initialiser = (shape) => new Float32Array(elementsOf(shape)).fill(1);

/** A trainable variable with the values that its initialiser gives for the seed, made when they are first needed. */
export function initialised(name: string, shape: Shape, initialiser: Initialiser, seed: number): Variable {
  return parameter(name, shape, () => initialiser(shape, seed, name));
}
