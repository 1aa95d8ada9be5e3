// As much of the protobuf wire format as writing an ONNX model takes: varints, and fields with a length.

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

/** A numbered field: a whole number, or bytes (a text, a message, raw data). */
export function field(number: number, value: number | Uint8Array): Uint8Array[] {
  if (typeof value === "number") return [Uint8Array.from([...varint(number << 3), ...varint(value)])];
  return [Uint8Array.from([...varint((number << 3) | 2), ...varint(value.length)]), value];
}

export function message(...fields: readonly (readonly Uint8Array[])[]): Uint8Array {
  const parts = fields.flat();
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const floats = (values: ArrayLike<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
export const integers = (values: readonly number[]): Uint8Array =>
  new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
