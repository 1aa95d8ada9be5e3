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
  /** What a model that reads sequences hands from call to call; it goes back to its first values where an epoch or an evaluation begins. */
  readonly carried?: readonly Variable[];
  /** Builds the graph from x [N, …inputShape] to logits [N, classes]; in training it records the running statistics' writes. */
  forward(x: Tensor, context: Context): Tensor;
  /**
   * Called at the end of a traced training step, with its results and its loss; gives results in their place. What is built
   * after the loss is the backward pass: a model that knows a smaller form of what that pass reads can change it here.
   */
  finishStep?(results: readonly Tensor[], loss: Tensor): Tensor[];
}

/** What every built-in model is made from. */
export interface ModelOptions {
  /** [C, H, W]; where absent that of the images that the model was made for: [1, 28, 28], or [3, 224, 224] for ImageNet. */
  readonly inputShape?: readonly number[];
  /** Those of the same images where absent: 10, or 1000 for ImageNet. */
  readonly classes?: number;
  /** Multiplies the channels of every layer; the input and the classes stay as they are. 1 where absent. */
  readonly width?: number;
  /** The same for the first layer alone; as `width` where absent. */
  readonly firstLayerWidth?: number;
  /** Of the initial weights; 0 where absent. */
  readonly seed?: number;
  /** ReLUs let through what is above it and make zeros of the rest; 0, as usual, where absent. */
  readonly reluThreshold?: number;
}
