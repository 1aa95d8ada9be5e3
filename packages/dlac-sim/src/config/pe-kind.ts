/** What a lane computes: the format of its activations and of its weights. */
export interface PeKind {
  readonly wBits: number;
  readonly aBits: number;
  /** Rows of the technology file that one multiply-accumulate of this kind is made of. */
  readonly operations: readonly string[];
}

/**
 * The kinds of processing element. A ternary weight turns the multiply into add, subtract or skip, so there it is an addition
 * alone; activations stay floating point in "fp32-ternary" and "fp16-ternary", which are dLAC's (arXiv 1610.00324).
 */
export const peKinds = {
  fp32: { wBits: 32, aBits: 32, operations: ["fp32-multiply", "fp32-add"] },
  fp16: { wBits: 16, aBits: 16, operations: ["fp16-multiply", "fp16-add"] },
  int8: { wBits: 8, aBits: 8, operations: ["int8-multiply", "int32-add"] },
  int4: { wBits: 4, aBits: 4, operations: ["int4-multiply", "int16-add"] },
  "int4-ternary": { wBits: 2, aBits: 4, operations: ["int16-add"] },
  "fp32-ternary": { wBits: 2, aBits: 32, operations: ["fp32-add"] },
  "fp16-ternary": { wBits: 2, aBits: 16, operations: ["fp16-add"] },
  binary: { wBits: 1, aBits: 1, operations: ["binary-multiply-accumulate"] },
} as const satisfies Readonly<Record<string, PeKind>>;

export type PeKindName = keyof typeof peKinds;
export const peKindNames = Object.keys(peKinds) as [PeKindName, ...PeKindName[]];
