import { createStream, elementsOf, fillNormal, fillUniform, type HostTensor } from "@lowbit/core-tensor";

/** Normally distributed values: the same for a name everywhere. */
export function randomNormal(name: string, shape: readonly number[]): HostTensor {
  const data = new Float32Array(elementsOf(shape));
  fillNormal(data, createStream(0, `bench/${name}`));
  return { dtype: "f32", shape, data };
}

/** Whole numbers from 0 up to, but not including, `count`. */
export function randomWhole(name: string, shape: readonly number[], count: number): Int32Array {
  const data = new Float32Array(elementsOf(shape));
  fillUniform(data, createStream(0, `bench/${name}`));
  return Int32Array.from(data, (value) => Math.min(count - 1, Math.floor(value * count)));
}

export function randomLabels(name: string, batch: number, classes: number): HostTensor {
  return { dtype: "i32", shape: [batch], data: randomWhole(name, [batch], classes) };
}
