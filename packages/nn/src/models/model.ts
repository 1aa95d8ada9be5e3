import type { Tensor, Variable } from "@lowbit/core-tensor";
import type { JsonRecord } from "../json.js";
import type { Context } from "../layers/layer.js";

/** A network: what it is called and made of, its variables, and the graph that it builds. */
export interface Model {
  /** "resnet8" */
  readonly name: string;
  /** Plain JSON that `createModel(name, options)` rebuilds it from. */
  readonly options: JsonRecord;
  /** Of one image, [C, H, W]: without the batch. */
  readonly inputShape: readonly number[];
  /** All parameters (trainable) and state, of unique names such as "stage1.block0.conv1.weight". */
  readonly variables: readonly Variable[];
  /** Builds the graph from x [N, …inputShape] to logits [N, classes]; in training it records the running statistics' writes. */
  forward(x: Tensor, context: Context): Tensor;
}

/** What every built-in model is made from. */
export interface ModelOptions {
  /** [C, H, W] */
  readonly inputShape: readonly number[];
  readonly classes: number;
  /** Multiplies the channels of every layer; the input and the classes stay as they are. 1 where absent. */
  readonly width?: number;
  /** The same for the first layer alone; as `width` where absent. */
  readonly firstLayerWidth?: number;
  /** Of the initial weights; 0 where absent. */
  readonly seed?: number;
}
