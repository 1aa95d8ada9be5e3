import { bytesOf, type Dtype, type HostTensor, isPacked } from "../../src/index.js";

/** A small generator of its own (mulberry32), so that the tests do not lean on the streams they test elsewhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values in `range`, away from `kinks`; whole numbers 0 … 2 for integer dtypes. */
export function randomTensor(
  random: () => number,
  shape: readonly number[],
  {
    dtype = "f32",
    range = [-2, 2],
    kinks = [],
  }: { dtype?: Dtype; range?: readonly [number, number]; kinks?: readonly number[] } = {},
): HostTensor {
  const elements = shape.reduce((product, size) => product * size, 1);
  const draw = (): number => {
    const value = range[0] + (range[1] - range[0]) * random();
    return kinks.some((kink) => Math.abs(value - kink) < 0.02) ? draw() : value;
  };
  if (dtype === "f32") return { dtype, shape, data: Float64Array.from({ length: elements }, draw) };
  if (isPacked(dtype)) {
    const bytes = Uint8Array.from({ length: bytesOf(dtype, elements) }, () => Math.floor(random() * 256));
    return { dtype, shape, data: bytes.map((byte) => byte & 0x55) }; // no field of two bits is 3, which is no ternary code
  }
  const whole = Array.from({ length: elements }, () => Math.floor(random() * (dtype === "bool" ? 2 : 3)));
  return { dtype, shape, data: dtype === "i32" ? Int32Array.from(whole) : Uint8Array.from(whole) };
}
