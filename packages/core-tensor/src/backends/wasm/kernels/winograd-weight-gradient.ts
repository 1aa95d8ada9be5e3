import { WINOGRAD_WEIGHT_SUMS, WINOGRAD_WEIGHTS } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Places, roundUp, type UnplacedCall } from "../instruction.js";

const TRANSFORMED_BYTES = 1024 * 1024;
const SUMS_FLOATS = 2 ** 20;
const CHUNKS = 8;

function layOut({ inputs: [x, dy], outputs: [dw], attributes: { groups } }: UnplacedCall) {
  const [images, , H, W] = x.shape;
  const [, , outH, outW] = dy.shape;
  const [allFilters, C] = dw.shape;
  const M = allFilters / groups;
  const imageGroups = Math.max(1, Math.min(images, CHUNKS, Math.floor(SUMS_FLOATS / (16 * allFilters * C))));
  const blocks = Math.min(Math.ceil(M / 16), Math.ceil(CHUNKS / (imageGroups * groups)));
  const blockFilters = roundUp(Math.ceil(M / blocks), 4);
  const [height, across] = [Math.ceil(outH / 2), Math.ceil(outW / 2)];
  const rowBytes = 16 * (C + blockFilters) * across * 4; // V and Z of one row of tiles
  const bandRows = Math.max(1, Math.min(height, Math.floor(TRANSFORMED_BYTES / rowBytes)));
  const byMemory = Math.floor(TRANSFORMED_BYTES / (rowBytes * height));
  const together = Math.max(1, Math.min(Math.ceil(images / imageGroups), byMemory));
  const lines = Math.ceil((together * bandRows * across + 4) / 16);
  const pitch = 2 * across + 2;
  return {
    ...{
      images,
      H,
      W,
      outH,
      outW,
      M,
      C,
      groups: groups as number,
      imageGroups,
      together,
      bandRows,
      pitch,
      blockFilters,
    },
    blocks: Math.ceil(M / blockFilters),
    bands: Math.ceil(height / bandRows),
    rowFloats: (lines % 2 === 0 ? lines + 1 : lines) * 16,
    planeFloats: roundUp((2 * bandRows + 2) * pitch + 16, 16),
  };
}

/** 3 × 3 taps with stride 1: assembly/winograd-weight-gradient-f32.ts. */
export const winogradWeightGradientKernel = defineKernel({
  op: "conv2dWeightGradient",
  workspaceBytes: (call) => {
    const { imageGroups, groups, M, C } = layOut(call);
    return imageGroups * groups * 16 * M * C * 4;
  },
  emit: (call: UnplacedCall, places: Places): Instruction[] => {
    const sizes = layOut(call);
    const { images, H, W, outH, outW, M, C, groups, imageGroups, together, bandRows, bands, pitch } = sizes;
    const { blockFilters, blocks, rowFloats, planeFloats } = sizes;
    const { padding } = call.attributes;
    return [
      {
        opcode: WINOGRAD_WEIGHT_SUMS,
        chunks: imageGroups * groups * blocks,
        words: [
          ...[
            places.of(call.inputs[0]),
            places.of(call.inputs[1]),
            places.workspace,
            groups,
            C,
            H,
            W,
            padding[0],
            padding[2],
          ],
          ...[
            M,
            outH,
            outW,
            images,
            imageGroups,
            together,
            rowFloats,
            pitch,
            planeFloats,
            blockFilters,
            blocks,
            bandRows,
            bands,
          ],
        ],
        scratchBytes: (planeFloats + 17 * (C + blockFilters) * rowFloats + 32) * 4,
      },
      {
        opcode: WINOGRAD_WEIGHTS,
        chunks: groups * M,
        words: [places.workspace, places.of(call.outputs[0]), groups, M, C, imageGroups],
        scratchBytes: 0,
      },
    ];
  },
  name: () => "conv2d-weight-gradient-f32-winograd-2x2",
});
