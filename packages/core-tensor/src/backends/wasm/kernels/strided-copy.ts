import { bytesOf, isPacked } from "../../../graph/dtype.js";
import { elementsOf, type Shape, stridesOf } from "../../../graph/shape.js";
import { broadcastStrides } from "../../../ops/elementwise-op.js";
import type { Buffer } from "../../../plan/program.js";
import { FILL_ZEROS, GATHER_ROWS, SCATTER_ROWS, STRIDED_COPY } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Places, type UnplacedCall } from "../instruction.js";

const CHUNK_ELEMENTS = 16384;

const isUnpacked = ({ inputs }: UnplacedCall): true | string =>
  !inputs.some(({ dtype }) => isPacked(dtype)) || "packed codes have no elements to move";

interface Layout {
  readonly buffer: Buffer;
  readonly strides: readonly number[];
  /** Elements before the first one. */
  readonly start?: number;
}

/** Axes that lie behind one another on both sides become one. */
function joinAxes(sizes: Shape, from: readonly number[], to: readonly number[]): number[][] {
  const joined: number[][] = [];
  for (let axis = 0; axis < sizes.length; axis++) {
    if (sizes[axis] === 1) continue;
    const before = joined.at(-1);
    if (before && before[1] === from[axis] * sizes[axis] && before[2] === to[axis] * sizes[axis]) {
      joined[joined.length - 1] = [before[0] * sizes[axis], from[axis], to[axis]];
    } else joined.push([sizes[axis], from[axis], to[axis]]);
  }
  return joined.length > 0 ? joined : [[1, 1, 1]];
}

function copyInstruction(sizes: Shape, from: Layout, to: Layout, places: Places): Instruction {
  const bytes = bytesOf(from.buffer.dtype, 1);
  const axes = joinAxes(sizes, from.strides, to.strides);
  const row = axes[axes.length - 1][0];
  const rows = elementsOf(sizes) === 0 ? 0 : elementsOf(sizes) / row;
  const each = Math.max(1, Math.floor(CHUNK_ELEMENTS / row));
  return {
    opcode: STRIDED_COPY,
    chunks: Math.ceil(rows / each),
    words: [
      ...[places.of(from.buffer) + (from.start ?? 0) * bytes, places.of(to.buffer) + (to.start ?? 0) * bytes],
      ...[bytes, axes.length, rows, each, ...axes.flat()],
    ],
    scratchBytes: 0,
  };
}

const offsetOf = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, at, axis) => sum + at * strides[axis], 0);

export const transposeKernel = defineKernel({
  op: "transpose",
  supports: isUnpacked,
  emit: ({ inputs: [x], outputs: [out], attributes: { permutation } }, places) => {
    const strides = stridesOf(x.shape);
    const from = { buffer: x, strides: permutation.map((axis: number) => strides[axis]) };
    return [copyInstruction(out.shape, from, { buffer: out, strides: stridesOf(out.shape) }, places)];
  },
  name: ({ inputs: [x] }) => `transpose-${x.dtype}`,
});

export const sliceKernel = defineKernel({
  op: "slice",
  supports: isUnpacked,
  emit: ({ inputs: [x], outputs: [out], attributes: { begin } }, places) => {
    const strides = stridesOf(x.shape);
    const from = { buffer: x, strides, start: offsetOf(begin, strides) };
    return [copyInstruction(out.shape, from, { buffer: out, strides: stridesOf(out.shape) }, places)];
  },
  name: ({ inputs: [x] }) => `slice-${x.dtype}`,
});

const zeros = (out: Buffer, places: Places): Instruction => ({
  opcode: FILL_ZEROS,
  chunks: Math.ceil(out.bytes / 65536),
  words: [places.of(out), out.bytes],
  scratchBytes: 0,
});

export const zeroPadKernel = defineKernel({
  op: "zeroPad",
  supports: isUnpacked,
  emit: ({ inputs: [x], outputs: [out], attributes: { before } }, places) => {
    const strides = stridesOf(out.shape);
    const to = { buffer: out, strides, start: offsetOf(before, strides) };
    return [zeros(out, places), copyInstruction(x.shape, { buffer: x, strides: stridesOf(x.shape) }, to, places)];
  },
  name: ({ inputs: [x] }) => `zero-pad-${x.dtype}`,
});

export const concatKernel = defineKernel({
  op: "concat",
  supports: isUnpacked,
  emit: ({ inputs, outputs: [out], attributes: { axis } }, places) => {
    const strides = stridesOf(out.shape);
    let start = 0;
    return inputs.map((x) => {
      const to = { buffer: out, strides, start };
      start += x.shape[axis] * strides[axis];
      return copyInstruction(x.shape, { buffer: x, strides: stridesOf(x.shape) }, to, places);
    });
  },
  name: ({ outputs: [out] }) => `concat-${out.dtype}`,
});

export const broadcastToKernel = defineKernel({
  op: "broadcastTo",
  supports: isUnpacked,
  emit: ({ inputs: [x], outputs: [out] }, places) => {
    const from = { buffer: x, strides: broadcastStrides(x.shape, out.shape) };
    return [copyInstruction(out.shape, from, { buffer: out, strides: stridesOf(out.shape) }, places)];
  },
  name: ({ inputs: [x] }) => `broadcast-${x.dtype}`,
});

export const gatherKernel = defineKernel({
  op: "gather",
  emit: ({ inputs: [table, indices], outputs: [out] }, places) => {
    const count = elementsOf(indices.shape);
    const width = elementsOf(table.shape.slice(1));
    const words = [places.of(table), places.of(indices), places.of(out), count, width, table.shape[0]];
    return [{ opcode: GATHER_ROWS, chunks: Math.ceil(count / 16), words, scratchBytes: 0 }];
  },
  name: () => "gather-f32",
});

export const gatherGradientKernel = defineKernel({
  op: "gatherGradient",
  emit: ({ inputs: [indices, dy], outputs: [out] }, places) => {
    const count = elementsOf(indices.shape);
    const width = elementsOf(out.shape.slice(1));
    const words = [places.of(indices), places.of(dy), places.of(out), count, width, out.shape[0]];
    return [zeros(out, places), { opcode: SCATTER_ROWS, chunks: Math.ceil(width / 16), words, scratchBytes: 0 }];
  },
  name: () => "gather-gradient-f32",
});
