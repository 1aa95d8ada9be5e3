import type { HostTensor, Variable } from "@lowbit/core-tensor";
import * as tf from "@tensorflow/tfjs-core";
import {
  type FakeQuantization,
  fromTensorflow,
  tensorflowResnet,
  toChannelsLast,
  toTensorflow,
} from "./tensorflow-resnet.js";

export interface TensorflowTrainingOptions {
  readonly blocks: number;
  readonly variables: readonly Variable[];
  readonly images: HostTensor;
  readonly labels: HostTensor;
  readonly classes: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly quantization?: ReadonlyMap<string, FakeQuantization>;
}

/** One network in training on the current backend of TensorFlow.js, over copies of our variables' first values. */
export class TensorflowTraining {
  private readonly weights: ReadonlyMap<string, tf.Variable>;
  private readonly optimiser: tf.Optimizer;
  private readonly images: tf.Tensor4D;
  private readonly targets: tf.Tensor2D;

  constructor(private readonly options: TensorflowTrainingOptions) {
    const { variables, images, labels, classes, learningRate, momentum } = options;
    const parameters = variables.filter(({ trainable }) => trainable);
    this.weights = new Map(
      parameters.map(({ name, shape, dtype, initial }) => {
        return [name, tf.variable(toTensorflow({ shape, dtype, data: initial }), true)];
      }),
    );
    this.optimiser = tf.train.momentum(learningRate, momentum);
    this.images = toChannelsLast(images);
    this.targets = tf.oneHot(tf.tensor1d(labels.data as Int32Array, "int32"), classes) as tf.Tensor2D;
  }

  /** Loss and gradients by our names and in our layout. */
  gradients(): { readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> } {
    const { value, grads } = tf.variableGrads(() => this.loss(), [...this.weights.values()]);
    const gradients = new Map<string, Float32Array>();
    for (const [name, variable] of this.weights) gradients.set(name, fromTensorflow(grads[variable.name]));
    const loss = value.dataSync()[0];
    tf.dispose([value, grads]);
    return { loss, gradients };
  }

  /** One step; resolves to the loss before it. */
  async step(): Promise<number> {
    const cost = this.optimiser.minimize(() => this.loss(), true, [...this.weights.values()]) as tf.Scalar;
    const [loss] = await cost.data();
    cost.dispose();
    return loss;
  }

  dispose(): void {
    tf.dispose([this.images, this.targets, ...this.weights.values()]);
    this.optimiser.dispose();
  }

  private loss(): tf.Scalar {
    const { blocks, quantization } = this.options;
    const logits = tensorflowResnet(this.images, { blocks, weights: this.weights, training: true, quantization });
    const logProbabilities = tf.logSoftmax(logits);
    return tf.neg(tf.mean(tf.sum(tf.mul(logProbabilities, this.targets), 1)));
  }
}
