import { elementsOf, type Shape } from "../../../graph/shape.js";
import { ARGMAX, MEAN, REDUCE, REDUCE_MAX, SUM } from "../assembly/opcodes.js";
import { defineKernel, type Kernel, type UnplacedCall, wantsF32 } from "../instruction.js";

const CHUNK_ELEMENTS = 16384;

/** Sizes [r1, k1, r2, k2] of axes that are reduced and kept in turn; undefined where they alternate more often. */
function pattern(shape: Shape, axes: readonly number[]): [number, number, number, number] | undefined {
  const sizes = [1, 1, 1, 1];
  let at = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) continue;
    const parity = axes.includes(axis) ? 0 : 1;
    if (at % 2 !== parity) at++;
    if (at > 3) return undefined;
    sizes[at] *= shape[axis];
  }
  const [r1, k1, r2, k2] = sizes;
  // one run of kept columns under one reduction goes down column by column
  return k1 > 1 && r2 === 1 && k2 === 1 && r1 > 1 ? [1, 1, r1, k1] : [r1, k1, r2, k2];
}

function reduction(op: string, kind: number): Kernel {
  return defineKernel({
    op,
    supports: (call) => {
      if (elementsOf(call.inputs[0].shape) === 0) return "nothing to reduce";
      return pattern(call.inputs[0].shape, call.attributes.axes)
        ? wantsF32(call)
        : "kept and reduced axes alternate more than twice";
    },
    emit: ({ inputs: [x], outputs: [out], attributes }: UnplacedCall, places) => {
      const [r1, k1, r2, k2] = pattern(x.shape, attributes.axes) as [number, number, number, number];
      const pieces = k2 === 1 ? k1 : k1 * Math.ceil(k2 / 16);
      const each = Math.max(1, Math.floor(CHUNK_ELEMENTS / (r1 * r2 * (k2 === 1 ? 1 : 16))));
      const words = [places.of(x), places.of(out), r1, k1, r2, k2, kind, each];
      return [{ opcode: REDUCE, chunks: Math.ceil(pieces / each), words, scratchBytes: 0 }];
    },
    name: () => `${op}-f32`,
  });
}

export const sumKernel = reduction("sum", SUM);
export const meanKernel = reduction("mean", MEAN);
export const maxKernel = reduction("max", REDUCE_MAX);

export const argmaxKernel = defineKernel({
  op: "argmax",
  supports: ({ inputs: [x] }) => x.dtype === "f32" || `the kernel takes f32, not ${x.dtype}`,
  emit: ({ inputs: [x], outputs: [out], attributes: { axis } }, places) => {
    const outer = elementsOf(x.shape.slice(0, axis));
    const inner = elementsOf(x.shape.slice(axis + 1));
    const words = [places.of(x), places.of(out), outer, x.shape[axis], inner];
    return [{ opcode: ARGMAX, chunks: Math.ceil((outer * inner) / 64), words, scratchBytes: 0 }];
  },
  name: () => "argmax-f32",
});
