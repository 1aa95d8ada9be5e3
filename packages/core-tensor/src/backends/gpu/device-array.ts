import { type Dtype, isPacked } from "../../graph/dtype.js";
import { BackendError } from "../../graph/errors.js";
import { unpackFields } from "../../packed/pack-codes.js";

/** Whole numbers from −2²⁴ to 2²⁴ are exact in float32. */
const LARGEST_WHOLE = 2 ** 24;

/** Numbers on the device for `elements` values: packed codes travel as 16-bit words, each in one float. */
export function deviceLength(dtype: Dtype, bytes: number, elements: number): number {
  return isPacked(dtype) ? bytes / 2 : elements;
}

/**
 * The bytes of a value as the flat array of floats that it is on the device.
 *
 * @throws {BackendError} for i32 values that float32 can't hold exactly
 */
export function toDevice(dtype: Dtype, bytes: Uint8Array): Float32Array {
  if (dtype === "f32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4).slice();
  if (isPacked(dtype)) return Float32Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  if (dtype !== "i32") return Float32Array.from(bytes);
  const whole = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const far = whole.find((value) => Math.abs(value) > LARGEST_WHOLE);
  if (far !== undefined) {
    throw new BackendError(`the gpu backend can't take the i32 value ${far}`, {
      want: "whole numbers from −2²⁴ to 2²⁴: gpu.js carries them in float32",
      got: far,
      hint: "the backends wasm and js take all of i32",
    });
  }
  return Float32Array.from(whole);
}

/** The other way; `numbers` are whole for every dtype but f32. */
export function fromDevice(dtype: Dtype, numbers: Float32Array): Uint8Array {
  if (dtype === "f32") return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  if (dtype === "i32") return new Uint8Array(Int32Array.from(numbers).buffer);
  return isPacked(dtype) ? new Uint8Array(Uint16Array.from(numbers).buffer) : Uint8Array.from(numbers);
}

/** Fields of `bits` bits out of the 16-bit words that hold them on the device. */
export function fieldsOfWords(words: Float32Array, bits: number, count: number): Uint8Array {
  return unpackFields(new Uint8Array(Uint16Array.from(words).buffer), bits, count);
}
