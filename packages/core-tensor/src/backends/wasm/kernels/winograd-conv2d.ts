import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { PACK_WINOGRAD, WINOGRAD } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, roundUp, type UnplacedCall, wantsF32 } from "../instruction.js";

function describe({ attributes, inputs: [x, w], outputs: [y] }: UnplacedCall) {
  const { groups, padding } = attributes as Conv2dAttributes;
  const [M, sourceChannels] = w.shape;
  return {
    images: x.shape[0],
    groups,
    sourceChannels,
    outChannels: M / groups,
    sourceSize: [x.shape[2], x.shape[3]],
    outSize: [y.shape[2], y.shape[3]],
    padTop: padding[0],
    padLeft: padding[2],
  };
}

/** Fewer channels than this on either side, and the transforms cost more than the products that they save. */
const FEWEST_CHANNELS = 8;

/** Whether a convolution can go this way, and gains by it; else why not. */
function suits({ attributes, inputs: [, w] }: UnplacedCall): true | string {
  const { stride, dilation, padding, groups } = attributes as Conv2dAttributes;
  const [M, C, R, S] = w.shape;
  const isPlain =
    [...stride, ...dilation].every((each) => each === 1) && R === 3 && S === 3 && padding.every((side) => side <= 2);
  if (!isPlain) return "Winograd takes 3 × 3 taps with stride 1";
  return (
    (C >= FEWEST_CHANNELS && M / groups >= FEWEST_CHANNELS) || `Winograd gains from ${FEWEST_CHANNELS} channels on`
  );
}

const TRANSFORMED_BYTES = 768 * 1024;
const LEAST_CHUNKS = 16;
const LEAST_TILES = 64;
/** Small images share a chunk, so that a row of V fills whole tiles of the product. */
const TILES_TOGETHER = 104;

function layOut(call: UnplacedCall) {
  const { images, groups, sourceChannels, outSize } = describe(call);
  const height = Math.ceil(outSize[0] / 2);
  const across = Math.ceil(outSize[1] / 2);
  const byMemory = Math.floor(TRANSFORMED_BYTES / (16 * sourceChannels * across * 4));
  const wantedBands = Math.ceil(LEAST_CHUNKS / Math.max(1, images * groups));
  const byWork = Math.max(Math.ceil(height / wantedBands), Math.ceil(LEAST_TILES / across));
  const bandRows = Math.max(1, Math.min(height, byMemory, byWork));
  const together =
    bandRows < height
      ? 1
      : Math.max(1, Math.min(images, Math.floor(byMemory / height), Math.floor(TILES_TOGETHER / (height * across))));
  const lines = Math.ceil((roundUp(together * bandRows * across, 16) + 4) / 16);
  const pitch = 2 * across + 2;
  return {
    across,
    bandRows,
    bands: Math.ceil(height / bandRows),
    together,
    channelFloats: (lines % 2 === 0 ? lines + 1 : lines) * 16, // an odd number of cache lines: channels spread over all sets
    pitch,
    planeFloats: roundUp((2 * bandRows + 2) * pitch + 16, 16),
  };
}

/** Bytes of the filters of one group after their transform. */
const groupBytes = (call: UnplacedCall): number => {
  const { outChannels, sourceChannels } = describe(call);
  return roundUp(outChannels, 4) * 16 * sourceChannels * 4;
};

/** 3 × 3 taps with stride 1, where the engine was made with `winograd: true` and nothing is trained: assembly/winograd-f32.ts. */
export const winogradConv2dKernel = defineKernel({
  op: "conv2d",
  supports: (call) => {
    const answer = wantsF32(call);
    return answer === true ? suits(call) : answer;
  },
  packing: {
    input: 1,
    bytes: (call) => describe(call).groups * groupBytes(call),
    emit: (call, places) => {
      const { groups, outChannels, sourceChannels } = describe(call);
      const words = [places.of(call.inputs[1]), places.packed, outChannels, sourceChannels, groupBytes(call) / 4];
      return [{ opcode: PACK_WINOGRAD, chunks: groups * Math.ceil(outChannels / 4), words, scratchBytes: 0 }];
    },
  },
  emit: (call, places): Instruction[] => {
    const { images, groups, sourceChannels, outChannels, sourceSize, outSize, padTop, padLeft } = describe(call);
    const { across, bandRows, bands, together, channelFloats, pitch, planeFloats } = layOut(call);
    const [source, out] = [places.of(call.inputs[0]), places.of(call.outputs[0])];
    return [
      {
        opcode: WINOGRAD,
        chunks: Math.ceil(images / together) * groups * bands,
        words: [
          ...[source, places.packed, out, groups, sourceChannels, ...sourceSize, padTop, padLeft, outChannels],
          ...[...outSize, bandRows, bands, channelFloats, pitch, planeFloats, images, together],
        ],
        scratchBytes: (planeFloats + 16 * (sourceChannels + 4) * channelFloats + 4 * (across + 4)) * 4,
      },
    ];
  },
  name: () => "conv2d-f32-winograd-2x2",
  reason: () => "winograd was asked for, and nothing is trained: rounding grows with the largest value of a tile",
});
