import type { OpDeclaration } from "./define-op.js";
import type { Dtype } from "./dtype.js";
import type { Shape } from "./shape.js";

/** What an operation was told beside its inputs: stride, axes, a constant's data. Plain values only. */
// biome-ignore lint/suspicious/noExplicitAny: each declaration knows the type of its own attributes
export type Attributes = any;

let nextId = 0;
let rankToTake: number | undefined;

/**
 * A handle on a node of the lazy graph: an operation, its inputs, the shape and dtype of its result. Holds no values;
 * those exist while a program runs, or in a `HostTensor` that came out of one.
 */
export class Tensor {
  /** Rises in the order of building, so inputs always have smaller ids than their readers. */
  readonly id: number = nextId++;
  /**
   * When it is computed among nodes that are ready: lower first. That of building, so that a program runs as it was written; a node
   * that a pass builds takes the rank of the one that it stands for.
   */
  rank: number = rankToTake ?? this.id;

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

/** Builds nodes that take the rank of `node`: they do its work, so they run when it would have run. */
export function inPlaceOf<T>(node: Tensor, build: () => T): T {
  const outer = rankToTake;
  rankToTake = node.rank;
  try {
    return build();
  } finally {
    rankToTake = outer;
  }
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
