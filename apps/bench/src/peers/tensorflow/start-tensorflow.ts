import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-layers"; // the gradients of all operations come with it, not with the core
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { registerFilterGradient } from "./filter-gradient.js";

export const tensorflowVersion = tf.version_core;

/**
 * Makes one of TensorFlow.js' backends the current one. In Node its wasm backend has one thread: the worker that would
 * start others is looked for on the web.
 */
export async function startTensorflow(backend: "wasm" | "cpu"): Promise<void> {
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  setWasmPaths(`${folder}/`);
  registerFilterGradient();
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} backend here`);
  await tf.ready();
}
