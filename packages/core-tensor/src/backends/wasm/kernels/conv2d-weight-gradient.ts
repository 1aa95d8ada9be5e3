import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { CORRELATE_WEIGHTS, SUM_PARTIALS } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Places, roundUp, type UnplacedCall, wantsF32 } from "../instruction.js";
import { axes, forwardAxis, layOutPlanes } from "./correlation.js";

const PLANES_BYTES = 384 * 1024;
const TOGETHER_BYTES = 192 * 1024;
const PARTIAL_FLOATS = 2 ** 20;
const CHUNKS = 16;

function sizes({ inputs: [x, dy], outputs: [dw], attributes: { groups } }: UnplacedCall) {
  const [images, , H, W] = x.shape;
  const [, , Ho, Wo] = dy.shape;
  const [M, perGroup, R, S] = dw.shape;
  const K = perGroup * R * S;
  const imageGroups = Math.max(1, Math.min(images, CHUNKS, Math.floor(PARTIAL_FLOATS / (M * K))));
  return { images, H, W, Ho, Wo, M, perGroup, R, S, K, filters: M / groups, groups: groups as number, imageGroups };
}

/** Products of runs of pixels, in a fixed number of image groups that are added in order: assembly/conv2d-weight-gradient-f32.ts. */
export const conv2dWeightGradientKernel = defineKernel({
  op: "conv2dWeightGradient",
  supports: wantsF32,
  workspaceBytes: (call) => {
    const { imageGroups, M, K } = sizes(call);
    return imageGroups * M * K * 4;
  },
  emit: (call: UnplacedCall, places: Places): Instruction[] => {
    const { images, H, W, Ho, Wo, M, perGroup, R, S, K, filters, groups, imageGroups } = sizes(call);
    const [rows, columns] = axes(forwardAxis, [H, W], [Ho, Wo], [R, S], call.attributes as Conv2dAttributes);
    const planes = layOutPlanes(rows, columns, { channels: perGroup, maxBytes: PLANES_BYTES, leastBands: 1 });
    const blocks = Math.min(Math.ceil(filters / 16), Math.ceil(CHUNKS / (imageGroups * groups)));
    const blockFilters = roundUp(Math.ceil(filters / blocks), 4);
    const xBytes = perGroup * planes.phases.length * planes.floats * 4;
    const dyFloats = roundUp(planes.bandRows * planes.pitch + 4, 16);
    const dyBytes = blockFilters * dyFloats * 4;
    const largestGroup = Math.ceil(images / imageGroups);
    const together = Math.max(1, Math.min(largestGroup, Math.floor(TOGETHER_BYTES / (xBytes + dyBytes))));
    const filterBlocks = Math.ceil(filters / blockFilters);
    const head = 30;
    const [{ shifts }] = planes.ranges;
    return [
      {
        opcode: CORRELATE_WEIGHTS,
        chunks: imageGroups * groups * filterBlocks,
        words: [
          ...[places.of(call.inputs[0]), places.of(call.inputs[1]), places.workspace, groups, perGroup, H, W],
          ...[rows.step, columns.step, rows.pad, columns.pad, planes.pitch, planes.floats, filters, Ho, Wo, K],
          ...[
            planes.bandRows,
            planes.bands,
            planes.rowShift,
            planes.phases.length,
            head,
            head + planes.phases.length * 2,
          ],
          ...[imageGroups, images, together, dyFloats, blockFilters, filterBlocks, xBytes],
          ...planes.phases.flat(),
          ...shifts,
        ],
        scratchBytes: together * (xBytes + dyBytes),
      },
      {
        opcode: SUM_PARTIALS,
        chunks: Math.ceil((M * K) / 4096),
        words: [places.workspace, places.of(call.outputs[0]), M * K, imageGroups],
        scratchBytes: 0,
      },
    ];
  },
  name: () => "conv2d-weight-gradient-f32-4x2",
});
