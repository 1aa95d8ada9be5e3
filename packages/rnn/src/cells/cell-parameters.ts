import { createStream, elementsOf, fillUniform, parameter, type Shape, type Variable } from "@lowbit/core-tensor";
import type { CellOptions } from "./recurrent-cell.js";

/** A matrix drawn uniformly from ±1 / √hiddenSize, as PyTorch draws a recurrent cell's: a function of shape, seed and name alone. */
export function recurrentMatrix(name: string, shape: Shape, { hiddenSize, seed }: CellOptions): Variable {
  return parameter(name, shape, () => {
    const values = new Float32Array(elementsOf(shape));
    const bound = 1 / Math.sqrt(hiddenSize);
    fillUniform(values, createStream(seed, `init/${name}`), { low: -bound, high: bound });
    return values;
  });
}

/** A bias for gates of hiddenSize values each, in order: `starts` says where each gate starts. */
export function gateBias(name: string, starts: readonly number[], { hiddenSize }: CellOptions): Variable {
  return parameter(name, [starts.length * hiddenSize], () =>
    Float32Array.from({ length: starts.length * hiddenSize }, (_, i) => starts[Math.floor(i / hiddenSize)]),
  );
}
