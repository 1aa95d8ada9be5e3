/** k-bit codes packed without gaps, code − smallest code in each field; see packed/. */
export type PackedDtype = "p1" | "p2" | "p3" | "p4" | "p5" | "p6" | "p7" | "p8";

/** What one element of a tensor is. float64 is a storage of the reference backend, never a dtype of the graph. */
export type Dtype = "f32" | "i32" | "u8" | "bool" | PackedDtype;

/** What the host holds of a tensor: u8, bool and packed bytes as Uint8Array; Float64Array only inside the reference backend. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Values with their shape, as they go into a compiled function and come out of it. */
export interface HostTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: HostArray;
}

export function isPacked(dtype: Dtype): dtype is PackedDtype {
  return dtype.charCodeAt(0) === 112; // "p"
}

/** Bits of one code of a packed dtype: 2 for p2. */
export function packedBits(dtype: PackedDtype): number {
  return Number(dtype.slice(1));
}

/** Bytes of `elements` values; packed rows are filled up to whole 32-bit words. */
export function bytesOf(dtype: Dtype, elements: number): number {
  if (isPacked(dtype)) return Math.ceil((elements * packedBits(dtype)) / 32) * 4;
  return dtype === "f32" || dtype === "i32" ? elements * 4 : elements;
}
