import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { startTensorflow } from "../../src/peers/tensorflow/start-tensorflow.js";

/** The gradient of Σ conv(x, w) · dy for w, on whichever backend is the current one. */
function gradientOfFilter(
  x: tf.Tensor4D,
  w: tf.Tensor4D,
  stride: number,
  pad: "same" | "valid" | number,
): Float32Array {
  const loss = (filter: tf.Tensor) => {
    const y = tf.conv2d(x, filter as tf.Tensor4D, stride, pad);
    return tf.sum(tf.mul(y, tf.cos(tf.reshape(tf.range(0, y.size), y.shape)))) as tf.Scalar;
  };
  return tf.grad(loss)(w).dataSync() as Float32Array;
}

describe("our gradient of convolution weights for the wasm backend of TensorFlow.js", () => {
  beforeAll(() => startTensorflow("wasm"));

  it.each([
    { x: [2, 5, 5, 3], w: [3, 3, 3, 4], stride: 1, pad: "same" as const },
    { x: [2, 8, 8, 2], w: [3, 3, 2, 3], stride: 2, pad: 1 },
    { x: [1, 7, 6, 2], w: [3, 2, 2, 5], stride: 2, pad: "valid" as const },
    { x: [3, 9, 9, 2], w: [1, 1, 2, 3], stride: 2, pad: 0 },
    { x: [2, 6, 7, 1], w: [5, 5, 1, 2], stride: 1, pad: 2 },
  ])("is that of its cpu backend for x [$x], w [$w], stride $stride, padding $pad", async ({ x, w, stride, pad }) => {
    const values = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed).dataSync();
    const [xs, ws] = [values(x, 1), values(w, 2)];
    const gradients: Float32Array[] = [];
    for (const backend of ["wasm", "cpu"] as const) {
      await startTensorflow(backend);
      const filter = tf.tensor4d(ws, w as [number, number, number, number]);
      gradients.push(gradientOfFilter(tf.tensor4d(xs, x as [number, number, number, number]), filter, stride, pad));
    }
    const [wasm, cpu] = gradients;
    expect(wasm.length).toBe(cpu.length);
    wasm.forEach((value, i) => expect(value).toBeCloseTo(cpu[i], 4));
  });
});
