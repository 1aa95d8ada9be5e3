import { Option } from "@commander-js/extra-typings";
import { choiceOption, countValue } from "./option-values.js";

/** Where to compute: the options that all verbs with an engine share. */
export const engineOptions = {
  backend: new Option(
    "--backend <name>",
    "wasm, the fast one, js, the reference, or gpu, which needs gpu.js (gpu:webgpu, gpu:webgl2, gpu:webasm and gpu:cpu name its mode)",
  ).default("wasm"),
  threads: new Option("--threads <count>", "threads that compute; all processors, at most 8, unless told").argParser(
    countValue,
  ),
  build: choiceOption(
    "--build <name>",
    "kernels: portable gives the same bits everywhere; fastest takes relaxed SIMD where it works",
    ["portable", "relaxed", "fastest"],
  ),
} as const;

/** What a training step keeps for its backward pass: shared by the verbs that train. */
export const trainingMemoryOption = choiceOption(
  "--training-memory <form>",
  "what a step keeps of quantized edges: packed codes, packed and batch norm's input recomputed, or fp32 maps; the numbers are the same",
  ["packed", "recomputed", "fp32"],
).default("packed");
