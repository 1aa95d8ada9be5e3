import { exp4, log4, sigmoid4, tanh4 } from "./elementary-functions";
import * as op from "./opcodes";

// One pass over memory for a group of element-wise operations, as numexpr does it: 512 elements at a time go through all
// steps, each step one tight loop over registers of 2 kB that stay in the first cache. Plain twin: the references of the
// single operations, src/ops/, bit for bit but for exp, log, tanh and sigmoid. Floor: bytes of inputs and outputs once, and 3 loads or
// stores of cache a step.
//
// What is one value for all of a block is a vector that steps read over and over (a stride of 0): a scalar always, a channel's value
// where blocks end where channels do.
//
//   scratch       pointer and stride in bytes of each operand for the current block, then the registers
//   arguments     0 elements  1 chunk elements  2 operands  3 their place  4 steps  5 their place  6 stores  7 their place
//                 8 bytes from scratch to the registers            (places in words from the arguments)
//                 9 elements of a channel, where blocks end with it; 0 where they don't
//   operand  8    kind, register, pointer, dtype, C, inner | rank, place of sizes and strides, elements
//   step     8    code, to, a, b, c, d, immediate 0, immediate 1   (to, a, b, c, d are operands)
//   store    3    operand, pointer, dtype
const OPERAND_BYTES: usize = 32;
const STEP_BYTES: usize = 32;
const STORE_BYTES: usize = 12;
const REGISTER_BYTES: usize = <usize>op.BLOCK << 2;

export function fusedElementwise(args: usize, chunk: i32, scratch: usize): void {
  const chunkElements = load<i32>(args, 4);
  const first = chunk * chunkElements;
  const end = min(first + chunkElements, load<i32>(args));
  const operands = load<i32>(args, 8);
  const operandsAt = args + (<usize>load<u32>(args, 12) << 2);
  const steps = load<i32>(args, 16);
  const stepsAt = args + (<usize>load<u32>(args, 20) << 2);
  const stores = load<i32>(args, 24);
  const storesAt = args + (<usize>load<u32>(args, 28) << 2);
  const registers = scratch + load<u32>(args, 32);
  const run = load<i32>(args, 36);

  for (let i = 0; i < operands; i++) { // whatever does not change from block to block
    const operand = operandsAt + <usize>i * OPERAND_BYTES;
    const register = registers + <usize>load<u32>(operand, 4) * REGISTER_BYTES;
    const kind = load<i32>(operand);
    const place = scratch + (<usize>i << 3);
    store<u32>(place, <u32>register);
    store<u32>(place, kind == op.SCALAR || (kind == op.CHANNEL && run != 0) ? 0 : 16, 4);
    if (kind == op.SCALAR) v128.store(register, f32x4.splat(loadElement(load<u32>(operand, 8), load<i32>(operand, 12), 0)));
  }

  let count = 0;
  for (let start = first; start < end; start += count) {
    count = min(op.BLOCK, end - start);
    if (run != 0) count = min(count, run - start % run);
    for (let i = 0; i < operands; i++) {
      const operand = operandsAt + <usize>i * OPERAND_BYTES;
      const kind = load<i32>(operand);
      if (kind == op.SLOT || kind == op.SCALAR) continue;
      const register = registers + <usize>load<u32>(operand, 4) * REGISTER_BYTES;
      const pointer = <usize>load<u32>(operand, 8);
      if (kind == op.DIRECT) {
        // a result that ends inside a vector goes through its register, so that nothing is written behind its end
        const isResult = load<i32>(operand, 16) != 0;
        const isRagged = isResult && (count & 3) != 0;
        store<u32>(scratch + (<usize>i << 3), <u32>(isRagged ? register : pointer + (<usize>start << 2)));
      } else if (kind == op.CODES) {
        store<u32>(scratch + (<usize>i << 3), <u32>(pointer + <usize>start));
      } else if (kind == op.CONVERTED) {
        convertToFloats(register, pointer, load<i32>(operand, 12), start, count);
      } else if (kind == op.CHANNEL && run != 0) {
        v128.store(register, f32x4.splat(loadElement(pointer, load<i32>(operand, 12), (start / run) % load<i32>(operand, 16))));
      } else if (kind == op.CHANNEL) {
        loadChannels(register, pointer, load<i32>(operand, 12), load<i32>(operand, 16), load<i32>(operand, 20), start, count);
      } else {
        loadStrided(register, pointer, load<i32>(operand, 12), load<i32>(operand, 20), args + (<usize>load<u32>(operand, 24) << 2), start, count);
      }
    }
    for (let i = 0; i < steps; i++) {
      const step = stepsAt + <usize>i * STEP_BYTES;
      const to = <usize>load<u32>(scratch + (<usize>load<u32>(step, 4) << 3));
      const a = scratch + (<usize>load<u32>(step, 8) << 3), b = scratch + (<usize>load<u32>(step, 12) << 3), c = scratch + (<usize>load<u32>(step, 16) << 3);
      if (load<i32>(step) == op.AFFINE_TO_CODES) {
        const d = scratch + (<usize>load<u32>(step, 20) << 3);
        affineToCodes(to, a, at(b), at(c), at(d), load<f32>(step, 24), load<f32>(step, 28), count >> 2);
      } else {
        runStep(load<i32>(step), to, a, b, c, load<f32>(step, 24), load<f32>(step, 28), (count + 3) >> 2);
      }
    }
    for (let i = 0; i < stores; i++) {
      const entry = storesAt + <usize>i * STORE_BYTES;
      const from = <usize>load<u32>(scratch + (<usize>load<u32>(entry) << 3));
      storeFloats(load<u32>(entry, 4), load<i32>(entry, 8), from, start, count);
    }
  }
}

function loadElement(pointer: usize, dtype: i32, index: i32): f32 {
  const i = <usize>index;
  if (dtype == op.F32) return load<f32>(pointer + (i << 2));
  if (dtype == op.I32) return <f32>load<i32>(pointer + (i << 2));
  return <f32>load<u8>(pointer + i);
}

function convertToFloats(to: usize, pointer: usize, dtype: i32, start: i32, count: i32): void {
  if (dtype == op.I32) {
    pointer += <usize>start << 2;
    for (let i = 0; i < count; i += 4, to += 16, pointer += 16) v128.store(to, f32x4.convert_i32x4_s(v128.load(pointer)));
  } else {
    pointer += <usize>start;
    for (let i = 0; i < count; i += 4, to += 16, pointer += 4) {
      const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(pointer)));
      v128.store(to, f32x4.convert_i32x4_s(wide));
    }
  }
}

/** Element e of the result reads value (e / inner) mod C. */
function loadChannels(to: usize, pointer: usize, dtype: i32, channels: i32, inner: i32, start: i32, count: i32): void {
  let channel = (start / inner) % channels;
  let left = inner - (start % inner);
  let done = 0;
  if (inner == 1) {
    while (done < count) {
      const run = min(channels - channel, count - done);
      if (dtype == op.F32) copyFloats(to + (<usize>done << 2), pointer + (<usize>channel << 2), run);
      else for (let i = 0; i < run; i++) store<f32>(to + (<usize>(done + i) << 2), loadElement(pointer, dtype, channel + i));
      done += run;
      channel = 0;
    }
    return;
  }
  while (done < count) {
    const run = min(left, count - done);
    const value = loadElement(pointer, dtype, channel);
    const at = to + (<usize>done << 2);
    const vectors = run >> 2;
    for (let i = 0; i < vectors; i++) v128.store(at + (<usize>i << 4), f32x4.splat(value));
    for (let i = vectors << 2; i < run; i++) store<f32>(at + (<usize>i << 2), value);
    done += run;
    left = inner;
    channel = channel + 1 == channels ? 0 : channel + 1;
  }
}

/** Any broadcast: sizes of the axes of the result, then the operand's stride along each (0 where it stretches). */
function loadStrided(to: usize, pointer: usize, dtype: i32, rank: i32, sizes: usize, start: i32, count: i32): void {
  const strides = sizes + (<usize>rank << 2);
  for (let i = 0; i < count; i++) {
    let rest = start + i, index = 0;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const size = load<i32>(sizes + (<usize>axis << 2));
      index += (rest % size) * load<i32>(strides + (<usize>axis << 2));
      rest /= size;
    }
    store<f32>(to + (<usize>i << 2), loadElement(pointer, dtype, index));
  }
}

function copyFloats(to: usize, from: usize, count: i32): void {
  const vectors = count >> 2;
  for (let i = 0; i < vectors; i++, to += 16, from += 16) v128.store(to, v128.load(from));
  for (let i = vectors << 2; i < count; i++, to += 4, from += 4) store<f32>(to, load<f32>(from));
}

/** Integers are truncated and saturate; bool is 1 wherever the value is not 0. */
function storeFloats(pointer: usize, dtype: i32, from: usize, start: i32, count: i32): void {
  if (dtype == op.F32) {
    const to = pointer + (<usize>start << 2);
    if (to != from) copyFloats(to, from, count);
  } else if (dtype == op.I32) {
    const to = pointer + (<usize>start << 2);
    for (let i = 0; i < count; i++) store<i32>(to + (<usize>i << 2), i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(v128.load32_zero(from + (<usize>i << 2))), 0));
  } else {
    const to = pointer + <usize>start;
    const vectors = count >> 2;
    let i = 0;
    if (dtype == op.U8) {
      for (; i + 4 <= vectors; i += 4) {
        const at = from + (<usize>i << 4);
        const low = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(v128.load(at)), i32x4.trunc_sat_f32x4_s(v128.load(at, 16)));
        const high = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(v128.load(at, 32)), i32x4.trunc_sat_f32x4_s(v128.load(at, 48)));
        v128.store(to + (<usize>i << 2), i8x16.narrow_i16x8_u(low, high));
      }
    }
    for (; i < vectors; i++) {
      const value = v128.load(from + (<usize>i << 4));
      const whole = dtype == op.U8 ? i32x4.trunc_sat_f32x4_u(value) : v128.and(f32x4.ne(value, f32x4.splat(0)), i32x4.splat(1));
      const narrow = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(i32x4.min_u(whole, i32x4.splat(255)), whole), whole);
      v128.store32_lane(to + (<usize>i << 2), narrow, 0);
    }
    for (let i = vectors << 2; i < count; i++) {
      const value = load<f32>(from + (<usize>i << 2));
      store<u8>(to + <usize>i, dtype == op.U8 ? <u8>min<f32>(max<f32>(value != value ? 0 : value, 0), 255) : <u8>(value != 0));
    }
  }
}

// @ts-ignore: decorator
@inline
function apply1(code: i32, x: v128): v128 {
  if (code == op.NEGATE) return f32x4.neg(x);
  if (code == op.ABS) return f32x4.abs(x);
  if (code == op.SQUARE) return f32x4.mul(x, x);
  if (code == op.SQRT) return f32x4.sqrt(x);
  if (code == op.EXP) return exp4(x);
  if (code == op.LOG) return log4(x);
  if (code == op.TANH) return tanh4(x);
  if (code == op.SIGMOID) return sigmoid4(x);
  if (code == op.RELU) return v128.andnot(x, f32x4.lt(x, f32x4.splat(0)));
  if (code == op.SIGN) return v128.bitselect(f32x4.splat(1), f32x4.splat(-1), f32x4.ge(x, f32x4.splat(0)));
  if (code == op.ROUND_HALF_EVEN) return f32x4.nearest(x);
  if (code == op.TRUNCATE) return f32x4.trunc(x);
  if (code == op.IS_NOT_ZERO) return v128.and(f32x4.ne(x, f32x4.splat(0)), f32x4.splat(1));
  if (code == op.FLOOR) return f32x4.floor(x);
  if (code == op.RECIPROCAL) return f32x4.div(f32x4.splat(1), x);
  if (code == op.RSQRT) return f32x4.div(f32x4.splat(1), f32x4.sqrt(x));
  return x;
}

// @ts-ignore: decorator
@inline
function apply2(code: i32, a: v128, b: v128): v128 {
  if (code == op.ADD) return f32x4.add(a, b);
  if (code == op.SUBTRACT) return f32x4.sub(a, b);
  if (code == op.MULTIPLY) return f32x4.mul(a, b);
  if (code == op.DIVIDE) return f32x4.div(a, b);
  if (code == op.MAXIMUM) return f32x4.max(a, b);
  if (code == op.MINIMUM) return f32x4.min(a, b);
  if (code == op.RELU_GRADIENT) return v128.and(a, f32x4.gt(b, f32x4.splat(0)));
  if (code == op.GREATER) return v128.and(f32x4.gt(a, b), f32x4.splat(1));
  if (code == op.GREATER_EQUAL) return v128.and(f32x4.ge(a, b), f32x4.splat(1));
  if (code == op.LESS) return v128.and(f32x4.lt(a, b), f32x4.splat(1));
  if (code == op.LESS_EQUAL) return v128.and(f32x4.le(a, b), f32x4.splat(1));
  return v128.and(f32x4.eq(a, b), f32x4.splat(1));
}

/** Where an operand of a step lies, and how far on its next vector does. */
// @ts-ignore: decorator
@inline
function at(place: usize): usize {
  return <usize>load<u32>(place);
}
// @ts-ignore: decorator
@inline
function stride(place: usize): usize {
  return <usize>load<u32>(place, 4);
}

// @ts-ignore: decorator
@inline
function map1(code: i32, to: usize, A: usize, vectors: i32): void {
  let a = at(A);
  const sa = stride(A);
  let i = 0;
  for (; i + 2 <= vectors; i += 2, to += 32, a += sa + sa) {
    const first = apply1(code, v128.load(a)), second = apply1(code, v128.load(a + sa));
    v128.store(to, first);
    v128.store(to, second, 16);
  }
  if (i < vectors) v128.store(to, apply1(code, v128.load(a)));
}

// @ts-ignore: decorator
@inline
function map2(code: i32, to: usize, A: usize, B: usize, vectors: i32): void {
  let a = at(A), b = at(B);
  const sa = stride(A), sb = stride(B);
  let i = 0;
  for (; i + 2 <= vectors; i += 2, to += 32, a += sa + sa, b += sb + sb) {
    const first = apply2(code, v128.load(a), v128.load(b)), second = apply2(code, v128.load(a + sa), v128.load(b + sb));
    v128.store(to, first);
    v128.store(to, second, 16);
  }
  if (i < vectors) v128.store(to, apply2(code, v128.load(a), v128.load(b)));
}

function clip(to: usize, A: usize, low: f32, high: f32, vectors: i32): void {
  let a = at(A);
  const sa = stride(A), least = f32x4.splat(low), most = f32x4.splat(high);
  for (let i = 0; i < vectors; i++, to += 16, a += sa) v128.store(to, f32x4.pmin(f32x4.pmax(v128.load(a), least), most)); // −0 and NaN stay as they are
}

function multiplyAdd(to: usize, A: usize, B: usize, C: usize, vectors: i32): void {
  let a = at(A), b = at(B), c = at(C);
  const sa = stride(A), sb = stride(B), sc = stride(C);
  if ((sb | sc) == 0) { // an affine map of one channel
    const factor = v128.load(b), term = v128.load(c);
    for (let i = 0; i < vectors; i++, to += 16, a += sa) v128.store(to, f32x4.add(f32x4.mul(v128.load(a), factor), term));
    return;
  }
  let i = 0;
  for (; i + 2 <= vectors; i += 2, to += 32, a += sa + sa, b += sb + sb, c += sc + sc) {
    const first = f32x4.add(f32x4.mul(v128.load(a), v128.load(b)), v128.load(c));
    const second = f32x4.add(f32x4.mul(v128.load(a + sa), v128.load(b + sb)), v128.load(c + sc));
    v128.store(to, first);
    v128.store(to, second, 16);
  }
  if (i < vectors) v128.store(to, f32x4.add(f32x4.mul(v128.load(a), v128.load(b)), v128.load(c)));
}

function quantize(to: usize, A: usize, B: usize, low: f32, high: f32, vectors: i32): void {
  let a = at(A), b = at(B);
  const sa = stride(A), sb = stride(B), least = f32x4.splat(low), most = f32x4.splat(high);
  for (let i = 0; i < vectors; i++, to += 16, a += sa, b += sb) {
    v128.store(to, f32x4.nearest(f32x4.mul(f32x4.pmin(f32x4.pmax(v128.load(a), least), most), v128.load(b))));
  }
}

/** round(clip(a · factor + term) · scale) as bytes, for one value each of factor, term and scale, and whole vectors. */
function affineToCodes(to: usize, A: usize, b: usize, c: usize, d: usize, low: f32, high: f32, vectors: i32): void {
  let a = at(A);
  const sa = stride(A), factor = v128.load(b), term = v128.load(c), scale = v128.load(d);
  const least = f32x4.splat(low), most = f32x4.splat(high);
  let i = 0;
  for (; i + 4 <= vectors; i += 4, to += 16, a += sa << 2) {
    const c0 = codesOf(v128.load(a), factor, term, scale, least, most), c1 = codesOf(v128.load(a + sa), factor, term, scale, least, most);
    const c2 = codesOf(v128.load(a + (sa << 1)), factor, term, scale, least, most), c3 = codesOf(v128.load(a + sa + (sa << 1)), factor, term, scale, least, most);
    v128.store(to, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(c0, c1), i16x8.narrow_i32x4_s(c2, c3)));
  }
  for (; i < vectors; i++, to += 4, a += sa) {
    const whole = codesOf(v128.load(a), factor, term, scale, least, most);
    v128.store32_lane(to, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(whole, whole), whole), 0);
  }
}

// @ts-ignore: decorator
@inline
function codesOf(x: v128, factor: v128, term: v128, scale: v128, least: v128, most: v128): v128 {
  const clipped = f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(x, factor), term), least), most);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(clipped, scale)));
}

function clipGradient(to: usize, A: usize, B: usize, low: f32, high: f32, vectors: i32): void {
  let dy = at(A), x = at(B);
  const sdy = stride(A), sx = stride(B), least = f32x4.splat(low), most = f32x4.splat(high);
  for (let i = 0; i < vectors; i++, to += 16, dy += sdy, x += sx) {
    const value = v128.load(x);
    v128.store(to, v128.and(v128.load(dy), v128.and(f32x4.ge(value, least), f32x4.le(value, most))));
  }
}

function select(to: usize, A: usize, B: usize, C: usize, vectors: i32): void {
  let condition = at(A), a = at(B), b = at(C);
  const sc = stride(A), sa = stride(B), sb = stride(C);
  for (let i = 0; i < vectors; i++, to += 16, condition += sc, a += sa, b += sb) {
    v128.store(to, v128.bitselect(v128.load(a), v128.load(b), f32x4.ne(v128.load(condition), f32x4.splat(0))));
  }
}

/** a, b and c are the places of the operands in scratch. */
function runStep(code: i32, to: usize, a: usize, b: usize, c: usize, immediate0: f32, immediate1: f32, vectors: i32): void {
  switch (code) {
    case op.ADD: map2(op.ADD, to, a, b, vectors); break;
    case op.SUBTRACT: map2(op.SUBTRACT, to, a, b, vectors); break;
    case op.MULTIPLY: map2(op.MULTIPLY, to, a, b, vectors); break;
    case op.DIVIDE: map2(op.DIVIDE, to, a, b, vectors); break;
    case op.MAXIMUM: map2(op.MAXIMUM, to, a, b, vectors); break;
    case op.MINIMUM: map2(op.MINIMUM, to, a, b, vectors); break;
    case op.RELU_GRADIENT: map2(op.RELU_GRADIENT, to, a, b, vectors); break;
    case op.GREATER: map2(op.GREATER, to, a, b, vectors); break;
    case op.GREATER_EQUAL: map2(op.GREATER_EQUAL, to, a, b, vectors); break;
    case op.LESS: map2(op.LESS, to, a, b, vectors); break;
    case op.LESS_EQUAL: map2(op.LESS_EQUAL, to, a, b, vectors); break;
    case op.EQUAL: map2(op.EQUAL, to, a, b, vectors); break;
    case op.NEGATE: map1(op.NEGATE, to, a, vectors); break;
    case op.ABS: map1(op.ABS, to, a, vectors); break;
    case op.SQUARE: map1(op.SQUARE, to, a, vectors); break;
    case op.SQRT: map1(op.SQRT, to, a, vectors); break;
    case op.EXP: map1(op.EXP, to, a, vectors); break;
    case op.LOG: map1(op.LOG, to, a, vectors); break;
    case op.TANH: map1(op.TANH, to, a, vectors); break;
    case op.SIGMOID: map1(op.SIGMOID, to, a, vectors); break;
    case op.RELU: map1(op.RELU, to, a, vectors); break;
    case op.SIGN: map1(op.SIGN, to, a, vectors); break;
    case op.ROUND_HALF_EVEN: map1(op.ROUND_HALF_EVEN, to, a, vectors); break;
    case op.FLOOR: map1(op.FLOOR, to, a, vectors); break;
    case op.RECIPROCAL: map1(op.RECIPROCAL, to, a, vectors); break;
    case op.RSQRT: map1(op.RSQRT, to, a, vectors); break;
    case op.TRUNCATE: map1(op.TRUNCATE, to, a, vectors); break;
    case op.IS_NOT_ZERO: map1(op.IS_NOT_ZERO, to, a, vectors); break;
    case op.COPY: map1(op.COPY, to, a, vectors); break;
    case op.CLIP: clip(to, a, immediate0, immediate1, vectors); break;
    case op.MULTIPLY_ADD: multiplyAdd(to, a, b, c, vectors); break;
    case op.QUANTIZE: quantize(to, a, b, immediate0, immediate1, vectors); break;
    case op.CLIP_GRADIENT: clipGradient(to, a, b, immediate0, immediate1, vectors); break;
    default: select(to, a, b, c, vectors);
  }
}
