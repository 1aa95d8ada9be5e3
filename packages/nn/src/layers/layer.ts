import { inLayer, relu, type Tensor, type Variable } from "@lowbit/core-tensor";

/** What a forward pass is for. Training and evaluation are two graphs. */
export interface Context {
  /** In training, batch norm uses and records the batch's statistics, and dropout drops. */
  readonly training: boolean;
  /** In training, batch norm goes by its running statistics as they are, as in evaluation; it does not where absent. */
  readonly frozenBatchNorm?: boolean;
}

/** A piece of a network: its variables, and the graph that it builds. All its nodes carry its name. */
export interface Layer {
  /** Full path, "stage1.block0.conv1": its variables' names begin with it. */
  readonly name: string;
  readonly variables: readonly Variable[];
  forward(x: Tensor, context: Context): Tensor;
}

/** A layer without variables of its own: relu, pooling, reshape. */
export function plainLayer(name: string, build: (x: Tensor) => Tensor): Layer {
  return { name, variables: [], forward: (x) => inLayer(name, () => build(x)) };
}

export const reluLayer = (name: string): Layer => plainLayer(name, (x) => relu(x));

/** Layers one after the other. It names nothing: each layer carries its own path. */
export function sequential(name: string, layers: readonly Layer[]): Layer {
  return {
    name,
    variables: layers.flatMap(({ variables }) => variables),
    forward: (x, context) => layers.reduce((value, layer) => layer.forward(value, context), x),
  };
}
