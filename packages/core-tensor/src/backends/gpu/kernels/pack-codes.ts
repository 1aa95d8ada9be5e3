import { elementsOf } from "../../../graph/shape.js";
import type { CodeFormat } from "../../../packed/code-format.js";
import { defineGpuKernel, type GpuCall, type GpuKernel } from "../gpu-kernel.js";
import type { DeviceValue, Launches } from "../launches.js";

// Words of 16 bits, each in one float: the largest that all modes of gpu.js carry exactly. They are the halves of the 32-bit words
// that packFields writes, so nothing but the container changes between host and device. Only sums, products and floor: gpu.js' own
// shifts walk through the bits in a loop under WebGL.
const WORD_BITS = 16;

/** Bit counts of whole fields a word; the others have fields that lie in two words. */
const fitsWords = (bits: number): boolean => WORD_BITS % bits === 0;

/** Statements that divide `value` by two `count` times, at most `most`. */
const shiftRight = (value: string, count: string, most: number, by = 2): string =>
  `for (let u = 0; u < ${most}; u++) { if (u < ${count}) { ${value} = Math.floor(${value} / ${by}); } }`;

/** Where fields lie across words, bit numbers are counted, in float32. */
const supportsBits: GpuKernel["supports"] = ({ inputs: [x], attributes: { format } }) =>
  fitsWords(format.bits) ||
  elementsOf(x.shape) * format.bits <= 2 ** 24 ||
  "gpu.js counts bits in float32: 2²⁴ at most";

/** A launch that makes the words of packed codes from the codes. */
function addPacking(
  x: DeviceValue,
  length: number,
  { bits, offset, step }: CodeFormat,
  launches: Launches,
): DeviceValue {
  const field = (at: string): string => `let field = (x[${at}] - ${offset < 0 ? `(${offset})` : offset}) / ${step};
field = Math.floor(Math.max(0, Math.min(${2 ** bits - 1}, field)));`;
  const words = Math.ceil((length * bits) / 32) * 2;
  if (fitsWords(bits)) {
    const perWord = WORD_BITS / bits;
    return launches.add(
      words,
      { x },
      `let word = 0;
let place = 1;
for (let k = 0; k < ${perWord}; k++) {
const at = i * ${perWord} + k;
if (at < ${length}) {
${field("at")}
word += field * place;
}
place = place * ${2 ** bits};
}
return word;`,
    );
  }
  return launches.add(
    words,
    { x },
    `let word = 0;
let place = 1;
for (let k = 0; k < ${WORD_BITS}; k++) {
const bit = i * ${WORD_BITS} + k;
const at = Math.floor(bit / ${bits});
const within = bit - at * ${bits};
if (at < ${length}) {
${field("at")}
${shiftRight("field", "within", bits)}
word += (field - 2 * Math.floor(field / 2)) * place;
}
place = place * 2;
}
return word;`,
  );
}

/** A launch that makes offset + step · field of every field in packed words. */
export function addUnpacking(
  words: DeviceValue,
  length: number,
  { bits, offset, step }: Pick<CodeFormat, "bits" | "offset" | "step">,
  launches: Launches,
): DeviceValue {
  if (fitsWords(bits)) {
    const perWord = WORD_BITS / bits;
    return launches.add(
      length,
      { words },
      `const at = Math.floor(i / ${perWord});
const within = i - at * ${perWord};
let word = words[at];
${shiftRight("word", "within", perWord, 2 ** bits)}
return ${offset} + ${step} * (word - ${2 ** bits} * Math.floor(word / ${2 ** bits}));`,
    );
  }
  return launches.add(
    length,
    { words },
    `let field = 0;
let place = 1;
for (let k = 0; k < ${bits}; k++) {
const bit = i * ${bits} + k;
const at = Math.floor(bit / ${WORD_BITS});
const within = bit - at * ${WORD_BITS};
let word = words[at];
${shiftRight("word", "within", WORD_BITS)}
field += (word - 2 * Math.floor(word / 2)) * place;
place = place * 2;
}
return ${offset} + ${step} * field;`,
  );
}

const elements = ({ outputs: [out] }: GpuCall): number => elementsOf(out.shape);

export const packCodesKernel = defineGpuKernel({
  op: "packCodes",
  supports: supportsBits,
  emit: (call, [x], launches) => [addPacking(x, elements(call), call.attributes.format, launches)],
});

export const unpackCodesKernel = defineGpuKernel({
  op: "unpackCodes",
  supports: supportsBits,
  emit: (call, [words], launches) => [addUnpacking(words, elements(call), call.attributes.format, launches)],
});
