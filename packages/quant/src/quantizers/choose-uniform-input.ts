import { bitsFrom, type SchemeChoice, type SchemeRequest } from "../define-scheme.js";
import { uniformSymmetric } from "./uniform-symmetric.js";
import { uniformUnsigned } from "./uniform-unsigned.js";

/** What a scheme for weights does with inputs: the uniform grid on [0, 1], or on [−1, 1] where they can be negative. */
export function chooseUniformInput({ bits, signed }: SchemeRequest): SchemeChoice {
  return signed
    ? { quantizer: uniformSymmetric, options: { bits, range: 1 } }
    : { quantizer: uniformUnsigned, options: { bits } };
}

/** The bits that it has: one of them would be the sign where inputs can be negative. */
export const uniformInputBits = ({ signed }: Pick<SchemeRequest, "signed">): number[] => bitsFrom(signed ? 2 : 1, 8);
