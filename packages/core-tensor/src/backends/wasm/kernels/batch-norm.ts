import type { Shape } from "../../../graph/shape.js";
import { elementsOf } from "../../../graph/shape.js";
import {
  BATCH_MOMENTS,
  BATCH_NORMALISE,
  BATCH_NORMALISE_GRADIENT,
  BATCH_NORMALISE_GRADIENT_SUMS,
} from "../assembly/opcodes.js";
import { defineKernel, f32Word, wantsF32 } from "../instruction.js";

const CHUNK_ELEMENTS = 16384;

/** [N, C, inner], and how planes are dealt out. */
function layOut([N, C, ...rest]: Shape) {
  const inner = elementsOf(rest);
  const planesPerChunk = Math.max(1, Math.floor(CHUNK_ELEMENTS / Math.max(1, inner)));
  return { N, C, inner, planesPerChunk, planeChunks: Math.ceil((N * C) / planesPerChunk) };
}

export const batchMomentsKernel = defineKernel({
  op: "batchMoments",
  supports: wantsF32,
  emit: ({ inputs: [x], outputs: [out] }, places) => {
    const { N, C, inner } = layOut(x.shape);
    return [{ opcode: BATCH_MOMENTS, chunks: C, words: [places.of(x), places.of(out), N, C, inner], scratchBytes: 0 }];
  },
  name: () => "batch-moments-f32",
});

export const batchNormaliseKernel = defineKernel({
  op: "batchNormalise",
  supports: wantsF32,
  emit: ({ inputs, outputs: [out], attributes }, places) => {
    const { N, C, inner, planesPerChunk, planeChunks } = layOut(out.shape);
    const words = [
      ...inputs.map(places.of),
      places.of(out),
      N * C,
      C,
      inner,
      planesPerChunk,
      f32Word(attributes.epsilon),
    ];
    return [{ opcode: BATCH_NORMALISE, chunks: planeChunks, words, scratchBytes: 0 }];
  },
  name: () => "batch-normalise-f32",
});

export const batchNormaliseGradientSumsKernel = defineKernel({
  op: "batchNormaliseGradientSums",
  supports: wantsF32,
  emit: ({ inputs, outputs: [out], attributes }, places) => {
    const { N, C, inner } = layOut(inputs[1].shape);
    const words = [...inputs.map(places.of), places.of(out), N, C, inner, f32Word(attributes.epsilon)];
    return [{ opcode: BATCH_NORMALISE_GRADIENT_SUMS, chunks: C, words, scratchBytes: 0 }];
  },
  name: () => "batch-normalise-gradient-sums-f32",
});

export const batchNormaliseGradientKernel = defineKernel({
  op: "batchNormaliseGradient",
  supports: wantsF32,
  emit: ({ inputs, outputs: [out], attributes }, places) => {
    const { N, C, inner, planesPerChunk, planeChunks } = layOut(out.shape);
    const numbers = [f32Word(attributes.epsilon), f32Word(N * inner)];
    const words = [...inputs.map(places.of), places.of(out), N * C, C, inner, planesPerChunk, ...numbers];
    return [{ opcode: BATCH_NORMALISE_GRADIENT, chunks: planeChunks, words, scratchBytes: 0 }];
  },
  name: () => "batch-normalise-gradient-f32",
});
