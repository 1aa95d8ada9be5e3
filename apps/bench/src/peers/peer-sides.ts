import type { HostTensor } from "@lowbit/core-tensor";
import * as tf from "@tensorflow/tfjs-core";
import type { Contestant } from "../suites/contest.js";
import { type OnnxRuntime, openOnnxSession } from "./onnx/onnx-session.js";
import { startTensorflow, tensorflowVersion } from "./tensorflow/start-tensorflow.js";

/** A model and its inputs in onnxruntime. */
export async function openOnnx(
  runtime: OnnxRuntime,
  model: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>>,
  threads: number,
): Promise<Contestant> {
  const session = await openOnnxSession(runtime, model, threads);
  return { version: session.version, run: () => session.run(inputs), close: () => session.close() };
}

/**
 * Operations on TensorFlow.js' wasm backend. `prepare` makes what stays from run to run.
 *
 * @throws for more than one thread: its others do not start in Node
 */
export async function openTensorflow<Kept extends tf.Tensor[]>(
  threads: number,
  prepare: () => Kept,
  compute: (kept: Kept) => tf.Tensor,
): Promise<Contestant> {
  if (threads > 1) throw new Error("its threads do not start in Node");
  await startTensorflow("wasm");
  const kept = prepare();
  return {
    version: tensorflowVersion,
    async run() {
      const result = tf.tidy(() => compute(kept));
      const values = await result.data();
      result.dispose();
      return values;
    },
    close: async () => tf.dispose(kept),
  };
}
