import type { OpDeclaration } from "./define-op.js";
import type { Dtype } from "./dtype.js";
import type { Shape } from "./shape.js";

/** What an operation was told beside its inputs: stride, axes, a constant's data. Plain values only. */
// biome-ignore lint/suspicious/noExplicitAny: each declaration knows the type of its own attributes
export type Attributes = any;

let nextId = 0;

/**
 * A handle on a node of the lazy graph: an operation, its inputs, the shape and dtype of its result. Holds no values;
 * those exist while a program runs, or in a `HostTensor` that came out of one.
 */
export class Tensor {
  /** Rises in the order of building, so inputs always have smaller ids than their readers. */
  readonly id: number = nextId++;

  constructor(
    readonly op: OpDeclaration,
    readonly inputs: readonly Tensor[],
    readonly attributes: Attributes,
    readonly shape: Shape,
    readonly dtype: Dtype,
    /** Path of the layer that built this node, "" outside layers. */
    readonly layer: string,
  ) {}
}

const layerPath: string[] = [];

/** Builds under a layer's name: nodes and errors say which layer they belong to. Nested names join with a dot. */
export function inLayer<T>(name: string, build: () => T): T {
  layerPath.push(name);
  try {
    return build();
  } finally {
    layerPath.pop();
  }
}

export function currentLayer(): string {
  return layerPath.filter((name) => name !== "").join(".");
}
