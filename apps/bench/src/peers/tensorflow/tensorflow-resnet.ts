import type { HostTensor } from "@lowbit/core-tensor";
import * as tf from "@tensorflow/tfjs-core";

// The pre-activation ResNet of @lowbit/nn, written in TensorFlow.js' operations over the same variables. Images are NHWC
// and filters [R, S, C, M] here: its wasm backend has nothing else.

/** Values by the names that @lowbit/nn gives them. */
export type NamedTensors = ReadonlyMap<string, tf.Tensor>;

/** What a layer's weight and input go through; as in @lowbit/wrpn. */
export interface FakeQuantization {
  readonly gain: number;
  readonly weightLevels: number;
  readonly inputLevels: number;
}

/** Ours to theirs: filters [M, C, R, S] → [R, S, C, M], matrices [M, K] → [K, M], the rest as it is. */
export function toTensorflow({ shape, data }: HostTensor): tf.Tensor {
  const values = tf.tensor(data as Float32Array, [...shape], "float32");
  if (shape.length === 4) return tf.tidy(() => tf.transpose(values, [2, 3, 1, 0]));
  if (shape.length === 2) return tf.tidy(() => tf.transpose(values));
  return values;
}

/** The way back. */
export function fromTensorflow(values: tf.Tensor): Float32Array {
  return tf.tidy(() => {
    if (values.rank === 4) return tf.transpose(values, [3, 2, 0, 1]).dataSync() as Float32Array;
    if (values.rank === 2) return tf.transpose(values).dataSync() as Float32Array;
    return values.dataSync() as Float32Array;
  });
}

/** [N, C, H, W] → [N, H, W, C] */
export function toChannelsLast({ shape, data }: HostTensor): tf.Tensor4D {
  const [N, C, H, W] = shape;
  return tf.tidy(() => tf.transpose(tf.tensor4d(data as Float32Array, [N, C, H, W]), [0, 2, 3, 1]));
}

/** round(x) with the gradient 1. */
const roundStraightThrough = tf.customGrad((x) => ({
  value: tf.round(x as tf.Tensor),
  gradFunc: (dy) => dy as tf.Tensor,
}));

const quantize = (x: tf.Tensor, least: number, levels: number): tf.Tensor =>
  tf.div(roundStraightThrough(tf.mul(tf.clipByValue(x, least, 1), levels)), levels);

const EPSILON = 1e-5;

export interface TensorflowResnet {
  readonly blocks: number;
  readonly weights: NamedTensors;
  readonly training: boolean;
  readonly quantization?: ReadonlyMap<string, FakeQuantization>;
}

/** Logits [N, classes] of images [N, H, W, C]. */
export function tensorflowResnet(images: tf.Tensor4D, network: TensorflowResnet): tf.Tensor2D {
  const { blocks, weights, training, quantization = new Map<string, FakeQuantization>() } = network;
  const weight = (name: string): tf.Tensor => {
    const value = weights.get(name);
    if (!value) throw new Error(`the peer has no ${name}`);
    return value;
  };

  const conv = (x: tf.Tensor4D, name: string, stride: number): tf.Tensor4D => {
    const own = quantization.get(name);
    const latent = weight(`${name}.weight`) as tf.Tensor4D;
    const w = own ? tf.mul(quantize(tf.div(latent, own.gain), -1, own.weightLevels), own.gain) : latent;
    const padding = (latent.shape[0] - 1) / 2;
    return tf.conv2d(x, w as tf.Tensor4D, stride, padding);
  };

  const batchNorm = (x: tf.Tensor4D, name: string): tf.Tensor4D => {
    const { mean, variance } = training
      ? tf.moments(x, [0, 1, 2])
      : { mean: weight(`${name}.runningMean`), variance: weight(`${name}.runningVariance`) };
    const [gamma, beta] = [weight(`${name}.gamma`), weight(`${name}.beta`)] as tf.Tensor1D[];
    return tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, beta, gamma, EPSILON) as tf.Tensor4D;
  };

  /** ReLU, or the quantizer that takes its place in front of a layer. */
  const activate = (x: tf.Tensor4D, reader: string): tf.Tensor4D => {
    const own = quantization.get(reader);
    return (own ? quantize(x, 0, own.inputLevels) : tf.relu(x)) as tf.Tensor4D;
  };

  let x = conv(images, "conv1", 1);
  for (let stage = 1; stage <= 3; stage++) {
    for (let block = 0; block < blocks; block++) {
      const name = `stage${stage}.block${block}`;
      const stride = stage > 1 && block === 0 ? 2 : 1;
      const p = activate(batchNorm(x, `${name}.bn1`), `${name}.conv1`);
      const inner = activate(batchNorm(conv(p, `${name}.conv1`, stride), `${name}.bn2`), `${name}.conv2`);
      const y = conv(inner, `${name}.conv2`, 1);
      x = tf.add(y, weights.has(`${name}.shortcut.weight`) ? conv(p, `${name}.shortcut`, stride) : x);
    }
  }
  const features = tf.mean(tf.relu(batchNorm(x, "bn")), [1, 2]) as tf.Tensor2D;
  return tf.add(tf.matMul(features, weight("classifier.weight") as tf.Tensor2D), weight("classifier.bias"));
}
