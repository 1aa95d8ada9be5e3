// A WebAssembly module of one function, peak(turns) → f32: chains of a = a · x + y on vectors of four floats that do not
// wait for one another, nothing else. Assembled here by hand, so that no compiler decides what the ceiling is.
//
//     loop:  a0 = a0 · x + y    a1 = a1 · x + y    …    turns − 1, again while it is not 0
//
// With `fused` a step is one relaxed multiply-add, without it a multiply and an add. x < 1 keeps values away from denormals.

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const get = (local: number): number[] => [0x20, ...unsigned(local)];
const set = (local: number): number[] => [0x21, ...unsigned(local)];
const f32Constant = (value: number): number[] => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];

const splat = simd(0x13);
const extractFirstLane = [...simd(0x1f), 0];
const add = simd(0xe4);
const multiply = simd(0xe6);
const fusedMultiplyAdd = simd(0x105);

/** Floating-point operations of one turn, a multiply and an add counted as two. */
export const operationsOfTurn = (chains: number): number => chains * 4 * 2;

/** The bytes of the module; locals are 0 turns, 1 x, 2 y, 3 … the chains. */
export function multiplyAddModule({ chains, fused }: { readonly chains: number; readonly fused: boolean }): Uint8Array {
  const accumulators = Array.from({ length: chains }, (_, i) => 3 + i);
  const step = fused ? fusedMultiplyAdd : multiply;
  const stepOf = (local: number): number[] =>
    fused
      ? [...get(local), ...get(1), ...get(2), ...step, ...set(local)]
      : [...get(local), ...get(1), ...step, ...get(2), ...add, ...set(local)];
  const body = [
    ...[1, ...unsigned(2 + chains), V128],
    ...[...f32Constant(0.999), ...splat, ...set(1), ...f32Constant(0.001), ...splat, ...set(2)],
    ...[0x03, 0x40, ...accumulators.flatMap(stepOf)],
    ...[...get(0), 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b], // turns = turns − 1; again if not 0
    ...accumulators.flatMap((local, i) => [...get(local), ...(i > 0 ? add : [])]), // every chain is wanted
    ...[...extractFirstLane, 0x0b],
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, I32, 1, F32]),
    ...section(3, [1, 0]),
    ...section(7, [1, 4, ...new TextEncoder().encode("peak"), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}
