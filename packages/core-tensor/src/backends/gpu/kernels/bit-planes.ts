import { elementsOf } from "../../../graph/shape.js";
import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import type { CodeFormat } from "../../../packed/code-format.js";
import { fieldsOfWords } from "../device-array.js";
import type { GpuCall } from "../gpu-kernel.js";
import type { GpuMode } from "../gpu-mode.js";
import { takeApart } from "../kernel-source.js";
import type { DeviceValue, Launches } from "../launches.js";
import { forEachTap, outputOfConvolution } from "./convolution.js";

// Bit p of sixteen channels' fields lies in one word, a float that holds a whole number below 2¹⁶. With integers
// offset + step · field on both sides, what one tap adds for all channels of a group is
//
//   Σ_c (xo + xs · X)(wo + ws · W) = [C · xo · wo + xo · ws · Σ W]      weightTerms, known beforehand
//                                  + wo · xs · Σ X                       fieldSums, one number for each position of x
//                                  + xs · ws · Σ_p,q 2^(p+q) · popcount(plane p of X & plane q of W)
//
// Sixteen products are one & and one bit count. Source of the form: XNOR-Net, arXiv 1603.05279; DoReFa-Net, arXiv 1606.06160, eq. 3.

const WORD_CHANNELS = 16;

interface Sides {
  readonly x: CodeFormat;
  readonly w: CodeFormat;
  readonly groups: number;
  readonly perGroup: number;
  /** Words of one group. */
  readonly words: number;
}

function sidesOf({ inputs: [, w], attributes }: GpuCall): Sides {
  const perGroup = w.shape[1];
  return {
    ...{ x: attributes.x, w: attributes.w, groups: (attributes as Conv2dAttributes).groups, perGroup },
    words: Math.ceil(perGroup / WORD_CHANNELS),
  };
}

/** The largest number that appears on the way to a sum; below 2²⁴ all of them are exact. */
export function largestPartialSum(call: GpuCall): number {
  const { x, w } = sidesOf(call);
  const reach = ({ bits, offset, step }: CodeFormat) => Math.abs(offset) + step * (2 ** bits - 1);
  const [, perGroup, R, S] = call.inputs[1].shape;
  return perGroup * R * S * reach(x) * reach(w);
}

/** Words [N, groups, words, bits, H, W] of the fields x [N, C, H, W]. */
function addPlanes(call: GpuCall, x: DeviceValue, launches: Launches): DeviceValue {
  const { x: format, groups, perGroup, words } = sidesOf(call);
  const [N, C, H, W] = call.inputs[0].shape;
  const shape = [N, groups, words, format.bits, H, W];
  const divide =
    format.bits === 1
      ? ""
      : `let divisor = 1;
for (let u = 0; u < ${format.bits}; u++) { if (u < p) { divisor = divisor * 2; } }`;
  const bit = format.bits === 1 ? "field" : "(shifted - 2 * Math.floor(shifted / 2))";
  return launches.add(
    elementsOf(shape),
    { x },
    `${takeApart("i", shape, ["n", "g", "j", "p", "h", "v"])}
${divide}
let word = 0;
let place = 1;
for (let k = 0; k < ${WORD_CHANNELS}; k++) {
const c = j * ${WORD_CHANNELS} + k;
if (c < ${perGroup}) {
const field = x[((n * ${C} + g * ${perGroup} + c) * ${H} + h) * ${W} + v];
${format.bits === 1 ? "" : "const shifted = Math.floor(field / divisor);"}
word += ${bit} * place;
}
place = place * 2;
}
return word;`,
  );
}

/** Σ of a group's fields at every position: [N, groups, H, W]. */
function addFieldSums(call: GpuCall, x: DeviceValue, launches: Launches): DeviceValue {
  const { groups, perGroup } = sidesOf(call);
  const [N, C, H, W] = call.inputs[0].shape;
  const shape = [N, groups, H, W];
  return launches.add(
    elementsOf(shape),
    { x },
    `${takeApart("i", shape, ["n", "g", "h", "v"])}
let sum = 0;
for (let c = 0; c < ${perGroup}; c++) { sum += x[((n * ${C} + g * ${perGroup} + c) * ${H} + h) * ${W} + v]; }
return sum;`,
  );
}

/** Constant weights as words [M, R, S, words, bits], and what they add to a tap whatever x is, [M, R, S]. */
function weightPlanes(call: GpuCall, packed: Float32Array): { planes: Float32Array; terms: Float32Array } {
  const { x, w, perGroup, words } = sidesOf(call);
  const [M, , R, S] = call.inputs[1].shape;
  const fields = fieldsOfWords(packed, w.bits, M * perGroup * R * S);
  const planes = new Float32Array(M * R * S * words * w.bits);
  const terms = new Float32Array(M * R * S).fill(perGroup * x.offset * w.offset);
  fields.forEach((field, at) => {
    const tap = at % (R * S);
    const c = Math.floor(at / (R * S)) % perGroup;
    const row = Math.floor(at / (R * S * perGroup)) * R * S + tap; // (m · R + r) · S + s
    terms[row] += x.offset * w.step * field;
    for (let q = 0; q < w.bits; q++) {
      const word = (row * words + Math.floor(c / WORD_CHANNELS)) * w.bits + q;
      planes[word] += ((field >> q) & 1) * 2 ** (c % WORD_CHANNELS);
    }
  });
  return { planes, terms };
}

/** Statements that add the bits that two words share, times `factor`, to `sum`. */
function countShared(mode: GpuMode, name: string, a: string, b: string, factor: number): string {
  const times = factor === 1 ? "" : `${factor} * `;
  if (mode === "webgl2") return `sum += ${times}popcountAnd(${a}, ${b});`; // a native function: see gpu-mode.ts
  return `let ${name} = ${a} & ${b};
${name} = ${name} - ((${name} >> 1) & 21845);
${name} = (${name} & 13107) + ((${name} >> 2) & 13107);
${name} = (${name} + (${name} >> 4)) & 3855;
sum += ${times}((${name} + (${name} >> 8)) & 31);`;
}

/** Convolution of packed codes by counting bits; the weights are constant, in packed words. */
export function emitBitPlanes(call: GpuCall, x: DeviceValue, packed: Float32Array, launches: Launches): DeviceValue {
  const { x: xFormat, w: wFormat, groups, words } = sidesOf(call);
  const [, , H, W] = call.inputs[0].shape;
  const [, , R, S] = call.inputs[1].shape;
  const plane = H * W;
  const { planes, terms } = weightPlanes(call, packed);
  const hasTerms = xFormat.offset !== 0;
  const hasSums = wFormat.offset !== 0;
  const inputs: Record<string, DeviceValue> = {
    x: addPlanes(call, x, launches),
    w: launches.constant(planes),
    ...(hasTerms && { terms: launches.constant(terms) }),
    ...(hasSums && { fieldSums: addFieldSums(call, x, launches) }),
  };
  const loads = [
    ...Array.from({ length: xFormat.bits }, (_, p) => `const x${p} = x[xAt + ${p * plane}];`),
    ...Array.from({ length: wFormat.bits }, (_, q) => `const w${q} = w[wAt + ${q}];`),
  ];
  const counts = Array.from({ length: xFormat.bits * wFormat.bits }, (_, pair) => {
    const [p, q] = [Math.floor(pair / wFormat.bits), pair % wFormat.bits];
    return countShared(launches.mode, `b${p}${q}`, `x${p}`, `w${q}`, 2 ** (p + q) * xFormat.step * wFormat.step);
  });
  const each = `const xAt = ((n * ${groups} + group) * ${words} + c) * ${xFormat.bits * plane} + h * ${W} + v;
const wAt = (((m * ${R} + r) * ${S} + s) * ${words} + c) * ${wFormat.bits};
${[...loads, ...counts].join("\n")}`;
  const once = [
    ...(hasTerms ? [`sum += terms[(m * ${R} + r) * ${S} + s];`] : []),
    ...(hasSums
      ? [`sum += ${wFormat.offset * xFormat.step} * fieldSums[((n * ${groups} + group) * ${H} + h) * ${W} + v];`]
      : []),
  ].join("\n");
  return launches.add(
    elementsOf(call.outputs[0].shape),
    inputs,
    `${outputOfConvolution(call)}
let sum = 0;
${forEachTap(call, { from: 0, to: words }, each, once)}
return sum;`,
  );
}
