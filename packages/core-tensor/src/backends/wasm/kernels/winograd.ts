import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { PACK_WINOGRAD, WINOGRAD } from "../assembly/opcodes.js";
import { type Instruction, type Packing, roundUp, type UnplacedCall } from "../instruction.js";

/** A convolution of 3 × 3 taps with stride 1, or its input gradient: `source` planes times filters, perhaps turned round. */
export interface WinogradConvolution {
  readonly images: number;
  readonly groups: number;
  /** Of one group. */
  readonly sourceChannels: number;
  readonly outChannels: number;
  readonly sourceSize: readonly [number, number];
  readonly outSize: readonly [number, number];
  readonly padTop: number;
  readonly padLeft: number;
  /** Floats from filter to filter as rows of the product, from channel to channel, from group to group. */
  readonly rowStride: number;
  readonly channelStride: number;
  readonly groupStride: number;
  readonly isTurned: boolean;
}

/** Fewer channels than this on either side, and the transforms cost more than the products that they save. */
const FEWEST_CHANNELS = 8;

/** Whether a convolution with these attributes and filters [M, C / groups, R, S] can go this way, and gains by it. */
export function suitsWinograd(
  { stride, dilation, padding, groups }: Conv2dAttributes,
  [M, C, R, S]: readonly number[],
): boolean {
  const isPlain =
    [...stride, ...dilation].every((each) => each === 1) && R === 3 && S === 3 && padding.every((side) => side <= 2);
  return isPlain && C >= FEWEST_CHANNELS && M / groups >= FEWEST_CHANNELS;
}

const TRANSFORMED_BYTES = 768 * 1024;
const LEAST_CHUNKS = 16;
const LEAST_TILES = 64;
/** Small images share a chunk, so that a row of V fills whole tiles of the product. */
const TILES_TOGETHER = 104;

function layOut({ images, groups, sourceChannels, outSize }: WinogradConvolution) {
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

/** U = G g Gᵀ for every filter and channel. */
export function winogradPacking(describe: (call: UnplacedCall) => WinogradConvolution, input: number): Packing {
  return {
    input,
    bytes: (call) => {
      const { groups, outChannels, sourceChannels } = describe(call);
      return groups * roundUp(outChannels, 4) * 16 * sourceChannels * 4;
    },
    emit: (call, places) => {
      const { groups, outChannels, sourceChannels, rowStride, channelStride, groupStride, isTurned } = describe(call);
      const words = [
        ...[
          places.of(call.inputs[input]),
          places.packed,
          outChannels,
          sourceChannels,
          rowStride,
          channelStride,
          groupStride,
        ],
        ...[roundUp(outChannels, 4) * 16 * sourceChannels, isTurned ? 1 : 0],
      ];
      return [{ opcode: PACK_WINOGRAD, chunks: groups * Math.ceil(outChannels / 4), words, scratchBytes: 0 }];
    },
  };
}

export function emitWinograd(
  convolution: WinogradConvolution,
  source: number,
  packed: number,
  out: number,
): Instruction[] {
  const { images, groups, sourceChannels, outChannels, sourceSize, outSize, padTop, padLeft } = convolution;
  const { across, bandRows, bands, together, channelFloats, pitch, planeFloats } = layOut(convolution);
  return [
    {
      opcode: WINOGRAD,
      chunks: Math.ceil(images / together) * groups * bands,
      words: [
        ...[source, packed, out, groups, sourceChannels, ...sourceSize, padTop, padLeft, outChannels, ...outSize],
        ...[bandRows, bands, channelFloats, pitch, planeFloats, images, together],
      ],
      scratchBytes: (planeFloats + 16 * (sourceChannels + 4) * channelFloats + 4 * (across + 4)) * 4,
    },
  ];
}
