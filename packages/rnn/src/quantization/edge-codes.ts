import { add, type CodeFormat, cast, multiply, subtract, type Tensor } from "@lowbit/core-tensor";
import { type BoundQuantizer, formatOf } from "@lowbit/quant";
import type { BoundEdgeQuantizer } from "./cell-quantizers.js";

// A value on an edge's grid in one of two forms, which its dtype tells: levels in f32, or the fields of their codes in u8. Both ways are exact.

/** The format in which a quantizer's codes are packed. */
export const packedFormat = ({ quantizer, options }: BoundQuantizer): CodeFormat => formatOf(quantizer.codes(options));

/** The fields, u8, of levels or fields. */
export function fieldsOf(x: Tensor, edge: BoundEdgeQuantizer): Tensor {
  if (x.dtype === "u8") return x;
  const { offset, step } = packedFormat(edge);
  const integers = edge.quantizer.toCodes(x, edge.options);
  return cast(multiply(subtract(integers, offset), 1 / step), { dtype: "u8" });
}

/** The levels, f32, of fields or levels; without a quantizer the values as they are. */
export function levelsOf(x: Tensor, edge: BoundEdgeQuantizer | undefined): Tensor {
  if (!edge || x.dtype !== "u8") return x;
  const { offset, step } = packedFormat(edge);
  const integers = add(multiply(cast(x, { dtype: "f32" }), step), offset);
  return edge.quantizer.fromCodes(integers, edge.options);
}
