import { MATMUL_TILES, PACK_COLUMNS, PACK_ROWS } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Places, roundUp, type UnplacedCall, wantsF32 } from "../instruction.js";

const BLOCK_ROWS = 64;
const BLOCK_COLUMNS = 128;

function sizes({ attributes: { transposeA }, inputs: [a], outputs: [out] }: UnplacedCall) {
  const [M, N] = out.shape;
  const K = a.shape[transposeA ? 0 : 1];
  return { M, N, K, rowBytes: roundUp(M, 2) * K * 4, columnBytes: roundUp(N, 16) * K * 4 };
}

/** Rows of a in pairs, columns of b in panels of 16, tiles of 2 × 16, or 6 × 8 where multiply-adds are fused: assembly/matmul-f32.ts. */
export const matmulKernel = defineKernel({
  op: "matmul",
  supports: wantsF32,
  workspaceBytes: (call) => sizes(call).rowBytes,
  packing: {
    input: 1,
    bytes: (call) => sizes(call).columnBytes,
    emit: (call, places) => {
      const { N, K } = sizes(call);
      const steps = call.attributes.transposeB ? [K, 1] : [1, N];
      const words = [places.of(call.inputs[1]), places.packed, N, K, ...steps];
      return [{ opcode: PACK_COLUMNS, chunks: Math.ceil(N / 64), words, scratchBytes: 0 }];
    },
  },
  emit: (call: UnplacedCall, places: Places): Instruction[] => {
    const { M, N, K } = sizes(call);
    const rows = places.workspace;
    const steps = call.attributes.transposeA ? [1, M] : [K, 1];
    const across = Math.ceil(N / BLOCK_COLUMNS);
    return [
      {
        opcode: PACK_ROWS,
        chunks: Math.ceil(M / 64),
        words: [places.of(call.inputs[0]), rows, M, K, ...steps],
        scratchBytes: 0,
      },
      {
        opcode: MATMUL_TILES,
        chunks: Math.ceil(M / BLOCK_ROWS) * across,
        words: [rows, places.packed, places.of(call.outputs[0]), M, N, K, BLOCK_ROWS, BLOCK_COLUMNS, across],
        scratchBytes: BLOCK_ROWS * BLOCK_COLUMNS * 4,
      },
    ];
  },
  name: () => "matmul-f32",
  reason: () => "values in f32: both sides packed in panels, tiles of sums in registers",
});
