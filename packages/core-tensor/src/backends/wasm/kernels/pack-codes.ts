import { elementsOf } from "../../../graph/shape.js";
import { PACK_CODES, UNPACK_CODES } from "../assembly/opcodes.js";
import { defineKernel, f32Word, type Kernel } from "../instruction.js";

const CHUNK_VALUES = 8192;

function codesKernel(op: string, opcode: number, factorOf: (step: number) => number): Kernel {
  return defineKernel({
    op,
    emit: ({ inputs: [from], outputs: [to], attributes: { format } }, places) => {
      const values = elementsOf(to.shape);
      const factor = f32Word(factorOf(format.step));
      const words = [places.of(from), places.of(to), values, format.bits, f32Word(format.offset), factor];
      return [{ opcode, chunks: Math.ceil(values / CHUNK_VALUES), words, scratchBytes: 0 }];
    },
    name: ({ attributes: { format } }) => `${op}-${format.bits}`,
  });
}

export const packCodesKernel = codesKernel("packCodes", PACK_CODES, (step) => 1 / step);
export const unpackCodesKernel = codesKernel("unpackCodes", UNPACK_CODES, (step) => step);
