import { MATMUL_TILES, PACK_COLUMNS, PACK_ROWS } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Places, roundUp, type UnplacedCall, wantsF32 } from "../instruction.js";

const BLOCK_ROWS = 64;
const BLOCK_COLUMNS = 128;

function sizes({ attributes: { transposeA }, inputs: [a], outputs: [out] }: UnplacedCall) {
  const [M, N] = out.shape;
  const K = a.shape[transposeA ? 0 : 1];
  return { M, N, K, rowBytes: roundUp(M, 2) * K * 4, columnBytes: roundUp(N, 16) * K * 4 };
}

/** Rows of a in pairs, columns of b in panels of 16, tiles of 2 × 16: assembly/matmul-f32.ts. */
export const matmulKernel = defineKernel({
  op: "matmul",
  supports: wantsF32,
  workspaceBytes: (call) => {
    const { rowBytes, columnBytes } = sizes(call);
    return roundUp(rowBytes, 64) + columnBytes;
  },
  emit: (call: UnplacedCall, places: Places): Instruction[] => {
    const { transposeA, transposeB } = call.attributes;
    const [a, b] = call.inputs;
    const { M, N, K, rowBytes } = sizes(call);
    const rows = places.workspace;
    const columns = rows + roundUp(rowBytes, 64);
    const across = Math.ceil(N / BLOCK_COLUMNS);
    return [
      {
        opcode: PACK_ROWS,
        chunks: Math.ceil(M / 64),
        words: [places.of(a), rows, M, K, ...(transposeA ? [1, M] : [K, 1])],
        scratchBytes: 0,
      },
      {
        opcode: PACK_COLUMNS,
        chunks: Math.ceil(N / 64),
        words: [places.of(b), columns, N, K, ...(transposeB ? [K, 1] : [1, N])],
        scratchBytes: 0,
      },
      {
        opcode: MATMUL_TILES,
        chunks: Math.ceil(M / BLOCK_ROWS) * across,
        words: [rows, columns, places.of(call.outputs[0]), M, N, K, BLOCK_ROWS, BLOCK_COLUMNS, across],
        scratchBytes: BLOCK_ROWS * BLOCK_COLUMNS * 4,
      },
    ];
  },
  name: () => "matmul-f32-2x16",
});
