import type { HostTensor, Variable } from "@lowbit/core-tensor";
import * as tf from "@tensorflow/tfjs-core";

/**
 * An LSTM in training on the current backend of TensorFlow.js, over copies of our cell's first values, written in its operations: one product
 * with the input of all steps, as ours, since its LSTM layer makes one a step.
 */
export class TensorflowLstm {
  private readonly weights: readonly tf.Variable[];
  private readonly optimiser: tf.Optimizer;
  private readonly x: tf.Tensor3D;
  private readonly target: tf.Tensor3D;

  /** @param variables  weight [4·H, I], recurrent [4·H, H] and bias [4·H], gates in the order i, o, f, g */
  constructor(variables: readonly Variable[], x: HostTensor, target: HostTensor, learningRate: number) {
    this.weights = variables.map(({ shape, initial }) =>
      tf.variable(tf.tensor(initial as Float32Array, [...shape], "float32"), true),
    );
    this.optimiser = tf.train.sgd(learningRate);
    this.x = tf.tensor3d(x.data as Float32Array, x.shape as [number, number, number]);
    this.target = tf.tensor3d(target.data as Float32Array, target.shape as [number, number, number]);
  }

  /** The loss [1], then the gradient of each variable. */
  gradients(): Float32Array[] {
    const { value, grads } = tf.variableGrads(() => this.loss(), [...this.weights]);
    const values = [value, ...this.weights.map(({ name }) => grads[name])].map(
      (each) => each.dataSync() as Float32Array,
    );
    tf.dispose([value, grads]);
    return values;
  }

  /** One step; resolves to the loss before it. */
  async step(): Promise<Float32Array> {
    const cost = this.optimiser.minimize(() => this.loss(), true, [...this.weights]) as tf.Scalar;
    const loss = (await cost.data()) as Float32Array;
    cost.dispose();
    return loss;
  }

  dispose(): void {
    tf.dispose([this.x, this.target, ...this.weights]);
    this.optimiser.dispose();
  }

  private loss(): tf.Scalar {
    const [weight, recurrent, bias] = this.weights as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
    const [steps, batch, size] = this.x.shape;
    const projected = tf.add(
      tf.matMul(tf.reshape(this.x, [steps * batch, size]) as tf.Tensor2D, weight, false, true),
      bias,
    );
    const inputs = tf.split(projected, steps, 0) as tf.Tensor2D[];
    let hidden: tf.Tensor2D = tf.zeros([batch, size]);
    let cell: tf.Tensor2D = tf.zeros([batch, size]);
    const outputs = inputs.map((own) => {
      const [i, o, f, g] = tf.split(tf.add(own, tf.matMul(hidden, recurrent, false, true)), 4, 1);
      cell = tf.add(tf.mul(tf.sigmoid(f), cell), tf.mul(tf.sigmoid(i), tf.tanh(g)));
      hidden = tf.mul(tf.sigmoid(o), tf.tanh(cell));
      return hidden;
    });
    const distance = tf.sub(tf.concat(outputs, 0), tf.reshape(this.target, [steps * batch, size]));
    return tf.mean(tf.square(distance)) as tf.Scalar;
  }
}
