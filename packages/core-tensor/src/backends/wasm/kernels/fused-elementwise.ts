import type { OpDeclaration } from "../../../graph/define-op.js";
import type { Dtype } from "../../../graph/dtype.js";
import { elementsOf, type Shape } from "../../../graph/shape.js";
import { broadcastStrides } from "../../../ops/elementwise-op.js";
import type { Buffer, FusedElementwise } from "../../../plan/program.js";
import * as code from "../assembly/opcodes.js";
import { defineKernel, f32Word, type Instruction, type Places, roundUp, type UnplacedCall } from "../instruction.js";
import { joinSteps } from "./join-steps.js";

const stepCodes: ReadonlyMap<string, number> = new Map([
  ["add", code.ADD],
  ["subtract", code.SUBTRACT],
  ["multiply", code.MULTIPLY],
  ["divide", code.DIVIDE],
  ["maximum", code.MAXIMUM],
  ["minimum", code.MINIMUM],
  ["negate", code.NEGATE],
  ["abs", code.ABS],
  ["square", code.SQUARE],
  ["sqrt", code.SQRT],
  ["exp", code.EXP],
  ["log", code.LOG],
  ["tanh", code.TANH],
  ["sigmoid", code.SIGMOID],
  ["relu", code.RELU],
  ["sign", code.SIGN],
  ["roundHalfEven", code.ROUND_HALF_EVEN],
  ["roundStraightThrough", code.ROUND_HALF_EVEN],
  ["floor", code.FLOOR],
  ["clip", code.CLIP],
  ["clipGradient", code.CLIP_GRADIENT],
  ["reluGradient", code.RELU_GRADIENT],
  ["greater", code.GREATER],
  ["greaterEqual", code.GREATER_EQUAL],
  ["less", code.LESS],
  ["lessEqual", code.LESS_EQUAL],
  ["equal", code.EQUAL],
  ["select", code.SELECT],
  ["copy", code.COPY],
  ["reciprocal", code.RECIPROCAL],
  ["rsqrt", code.RSQRT],
  // joinSteps makes these three
  ["multiplyAdd", code.MULTIPLY_ADD],
  ["quantize", code.QUANTIZE],
  ["affineToCodes", code.AFFINE_TO_CODES],
]);

const dtypeCodes: Partial<Record<Dtype, number>> = { f32: code.F32, i32: code.I32, u8: code.U8, bool: code.BOOL };

/** A cast tells its dtype by the number that dtypeCodes gives it; loads and stores convert, the step only rounds. */
const castSteps = [code.COPY, code.TRUNCATE, code.TRUNCATE, code.IS_NOT_ZERO];

function stepCode(name: string, immediates: readonly number[]): number | undefined {
  return name === "cast" ? castSteps[immediates[0]] : stepCodes.get(name);
}

/** Whether a fused pass has a step for an element-wise operation. */
export function isFusible({ elementwise }: OpDeclaration): boolean {
  if (!elementwise) return false;
  return elementwise.code === "cast" ? elementwise.immediates !== undefined : stepCodes.has(elementwise.code);
}

function dtypeCode(dtype: Dtype): number {
  return dtypeCodes[dtype] as number; // `supports` has refused all others
}

const isPlain = ({ dtype }: Buffer): boolean => dtypeCodes[dtype] !== undefined;

const CHUNK_ELEMENTS = 16384;
const REGISTER_BYTES = code.BLOCK * 4;
const OPERAND_WORDS = 8;
const HEAD_WORDS = 10;
/** Channels of fewer elements are not worth a block of their own. */
const LEAST_RUN = 64;

/** The pattern [outer, C, inner] in which an operand with these strides repeats itself, if it is one. */
function channelPattern(shape: Shape, strides: readonly number[]): { channels: number; inner: number } | undefined {
  let [axis, inner] = [shape.length - 1, 1];
  for (; axis >= 0 && (strides[axis] === 0 || shape[axis] === 1); axis--) inner *= shape[axis];
  let channels = 1;
  for (; axis >= 0 && (strides[axis] === channels || shape[axis] === 1); axis--) channels *= shape[axis];
  for (; axis >= 0; axis--) if (strides[axis] !== 0 && shape[axis] !== 1) return undefined;
  return { channels, inner };
}

/** How an input comes into registers: the 8 words of its operand but for the register, and the words behind them. */
function describeInput(input: Buffer, shape: Shape, pointer: number): { operand: number[]; table: number[] } {
  const dtype = dtypeCode(input.dtype);
  if (elementsOf(input.shape) === 1) return { operand: [code.SCALAR, 0, pointer, dtype, 0, 0, 0, 0], table: [] };
  if (elementsOf(input.shape) === elementsOf(shape)) {
    return { operand: [dtype === code.F32 ? code.DIRECT : code.CONVERTED, 0, pointer, dtype, 0, 0, 0, 0], table: [] };
  }
  const strides = broadcastStrides(input.shape, shape);
  const pattern = channelPattern(shape, strides);
  if (pattern) return { operand: [code.CHANNEL, 0, pointer, dtype, pattern.channels, pattern.inner, 0, 0], table: [] };
  return { operand: [code.STRIDED, 0, pointer, dtype, 0, shape.length, 0, 0], table: [...shape, ...strides] };
}

/**
 * Elements in a row for which every operand that has a value for each channel has one value; 0 where there is no such operand, or
 * where blocks cut there would be too short or end inside a vector.
 */
function channelRun(operands: readonly number[][]): number {
  const inner = operands.filter(([kind]) => kind === code.CHANNEL).map((operand) => operand[5]);
  const [run = 0] = inner;
  return run >= LEAST_RUN && run % 4 === 0 && inner.every((each) => each === run) ? run : 0;
}

/** The smallest f32 ≥ value, or the largest ≤ value: comparisons with it come out as with the number itself. */
function toF32(value: number, direction: "up" | "down"): number {
  const near = Math.fround(value);
  if (direction === "up" ? near >= value : near <= value) return near;
  const step = Math.max(Math.abs(near) * 2 ** -23, 2 ** -149);
  return Math.fround(direction === "up" ? near + step : near - step);
}

function immediateWords(step: number, immediates: readonly number[]): [number, number] {
  const [first = 0, second = 0] = immediates;
  if (step === code.CLIP_GRADIENT) return [f32Word(toF32(first, "up")), f32Word(toF32(second, "down"))];
  return [f32Word(first), f32Word(second)];
}

/**
 * Whether each result may be written to memory as soon as it is computed. Not where it takes the place of an input that a
 * later step still reads, nor where it is not f32.
 */
function mayWriteDirectly(
  { steps }: FusedElementwise,
  register: number,
  output: Buffer,
  pointer: number,
  inputs: readonly Buffer[],
  places: Places,
): boolean {
  if (output.dtype !== "f32" || register < inputs.length) return false;
  const producer = register - inputs.length;
  return inputs.every((input, index) => {
    const from = places.of(input);
    if (from >= pointer + output.bytes || pointer >= from + input.bytes) return true;
    return from === pointer && steps.every(({ sources }, step) => step <= producer || !sources.includes(index));
  });
}

function emit({ attributes, inputs, outputs }: UnplacedCall, places: Places): Instruction[] {
  const { shape } = attributes as FusedElementwise;
  const elements = elementsOf(shape);
  const operands: number[][] = [];
  const tables: number[] = [];
  const tableOf = new Map<number, number>();
  let registers = 0;
  inputs.forEach((input, index) => {
    const { operand, table } = describeInput(input, shape, places.of(input));
    if (operand[0] !== code.DIRECT) operand[1] = registers++;
    if (table.length > 0) {
      tableOf.set(index, tables.length);
      tables.push(...table);
    }
    operands.push(operand);
  });
  const run = channelRun(operands);
  const constants = new Set(
    operands.flatMap(([kind], index) => (kind === code.SCALAR || (kind === code.CHANNEL && run > 0) ? [index] : [])),
  );
  const joinable = elements % 4 === 0 ? constants : new Set<number>(); // bytes are written in whole vectors
  const pass = joinSteps(attributes as FusedElementwise, { inputs, outputs, constants: joinable });
  const { steps, results } = pass;

  const lastUse = new Map<number, number>();
  steps.forEach(({ sources }, step) => {
    for (const source of sources) lastUse.set(source, step);
  });
  const direct = new Map<number, number>(); // register of the pass → output that it is
  results.forEach((register, index) => {
    const pointer = places.of(outputs[index]);
    if (!direct.has(register) && mayWriteDirectly(pass, register, outputs[index], pointer, inputs, places))
      direct.set(register, index);
  });
  const kept = new Set(results);
  const free: number[] = [];
  steps.forEach(({ sources }, step) => {
    const value = inputs.length + step;
    const register = free.pop() ?? registers++;
    const output = direct.get(value);
    if (steps[step].code === "affineToCodes")
      operands.push([code.CODES, register, places.of(outputs[results.indexOf(value)]), code.U8, 0, 0, 0, 0]);
    else if (output === undefined) operands.push([code.SLOT, register, 0, 0, 0, 0, 0, 0]);
    else operands.push([code.DIRECT, register, places.of(outputs[output]), code.F32, 1, 0, 0, 0]);
    for (const source of new Set(sources)) {
      const isOver = lastUse.get(source) === step && source >= inputs.length && !kept.has(source);
      if (isOver) free.push(operands[source][1]);
    }
    if (!lastUse.has(value) && !kept.has(value)) free.push(register);
  });

  const operandsAt = HEAD_WORDS;
  const stepsAt = operandsAt + operands.length * OPERAND_WORDS;
  const stepWords = steps.flatMap(({ code: name, sources, immediates }, step) => {
    const [a, b = a, c = a, d = a] = sources;
    const opcode = stepCode(name, immediates) as number;
    return [opcode, inputs.length + step, a, b, c, d, ...immediateWords(opcode, immediates)];
  });
  const storesAt = stepsAt + stepWords.length;
  const isWritten = (register: number): boolean => steps[register - inputs.length]?.code === "affineToCodes";
  const stores = results.flatMap((register, index) =>
    isWritten(register) ? [] : [[register, places.of(outputs[index]), dtypeCode(outputs[index].dtype)]],
  );
  const storeWords = stores.flat();
  const tablesAt = storesAt + storeWords.length;
  for (const [index, at] of tableOf) operands[index][6] = tablesAt + at;

  const registersAt = roundUp(operands.length * 8, 64);
  const head = [
    ...[elements, CHUNK_ELEMENTS, operands.length, operandsAt, steps.length, stepsAt, stores.length, storesAt],
    ...[registersAt, run],
  ];
  return [
    {
      opcode: code.FUSED_ELEMENTWISE,
      chunks: Math.ceil(elements / CHUNK_ELEMENTS),
      words: [...head, ...operands.flat(), ...stepWords, ...storeWords, ...tables],
      scratchBytes: registersAt + registers * REGISTER_BYTES,
    },
  ];
}

function supports({ attributes, inputs, outputs }: UnplacedCall): true | string {
  const { steps } = attributes as FusedElementwise;
  const unknown = steps.find(({ code, immediates }) => stepCode(code, immediates) === undefined);
  if (unknown) return `wasm has no step for ${unknown.code}`;
  return [...inputs, ...outputs].every(isPlain) || "packed codes have no element-wise form";
}

export const fusedElementwiseKernel = defineKernel({
  op: "fusedElementwise",
  supports,
  emit,
  name: ({ attributes }) =>
    `elementwise-f32-${(attributes as FusedElementwise).steps.map((step) => step.code).join("+")}`,
});

/** A cast on its own: values go through f32 registers, which hold every u8 and bool but not every i32. */
export const castKernel = defineKernel({
  op: "cast",
  supports: ({ inputs: [x], outputs: [out] }) => {
    if (!isPlain(x) || !isPlain(out)) return "packed codes have no element-wise form";
    return (
      x.dtype === "f32" ||
      out.dtype === "f32" ||
      (x.dtype !== "i32" && out.dtype !== "i32") ||
      "i32 does not fit f32 registers"
    );
  },
  emit: (call, places) => {
    const attributes: FusedElementwise = {
      shape: call.outputs[0].shape,
      steps: [{ code: "copy", sources: [0], immediates: [] }],
      results: [1],
    };
    return emit({ ...call, attributes }, places);
  },
  name: ({ inputs: [x], outputs: [out] }) => `cast-${x.dtype}-${out.dtype}`,
});
