import { add, type Engine, type HostTensor, multiply, type Tensor, zeroPad } from "@lowbit/core-tensor";
import { type Granularity, parseOptions, type Quantizer, type Term } from "../define-quantizer.js";
import {
  type HeldValues,
  heldTensors,
  holdFor,
  inOneChannel,
  observeQuantizer,
  sampleValues,
  withEngine,
} from "./observe-quantizer.js";
import { probeValues } from "./probe-values.js";
import { listCodes, type QuantizerCase, quantizerRules, refuseCodes } from "./quantizer-rules.js";

/** The rules of the contract, by the name that a report gives them. */
export const ruleNames = [
  "takes its options, and the same ones read back from JSON",
  "declares codes that can be packed",
  "has a positive scale of each channel's own",
  ...(Object.keys(quantizerRules) as (keyof typeof quantizerRules)[]),
] as const;

export type RuleName = (typeof ruleNames)[number];

/** A rule of the contract that a quantizer breaks, under which options, and how. */
export interface Violation {
  readonly rule: RuleName;
  readonly options: unknown;
  readonly message: string;
}

const [READS_OPTIONS, DECLARES_CODES, HAS_SCALE] = ruleNames;
const IDEMPOTENT: RuleName = "gives levels back when it meets them again";

/**
 * Checks a quantizer against the contract, with each of the option sets: all that it breaks, nothing where it keeps it.
 * The scale of a statistic is worked out once and held, and values stay within one channel.
 *
 * @example const violations = await checkQuantizer(wrpnWeight, [{ bits: 2 }, { bits: 8 }]);
 */
export async function checkQuantizer<Options>(
  quantizer: Quantizer<Options>,
  optionSets: readonly unknown[],
): Promise<Violation[]> {
  return withEngine(async (engine) => {
    const violations: Violation[] = [];
    for (const options of optionSets) {
      for (const [rule, message] of await checkOptionSet(engine, quantizer, options)) {
        violations.push({ rule, options, message });
      }
    }
    return violations;
  });
}

type Finding = readonly [rule: RuleName, message: string];

async function checkOptionSet<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  written: unknown,
): Promise<Finding[]> {
  let options: Options;
  try {
    options = parseOptions(quantizer, written);
    const reread = parseOptions(quantizer, JSON.parse(JSON.stringify(options)));
    if (!isSame(options, reread)) {
      return [[READS_OPTIONS, `${JSON.stringify(options)} is read back as ${JSON.stringify(reread)}`]];
    }
  } catch (error) {
    return [[READS_OPTIONS, messageOf(error)]];
  }
  const refused = refuseCodes(quantizer.codes(options));
  if (refused !== undefined) return [[DECLARES_CODES, refused]];
  const findings: Finding[] = [];
  const wrongScale = await checkScale(engine, quantizer, options);
  if (wrongScale !== undefined) findings.push([HAS_SCALE, wrongScale]);
  let observed: QuantizerCase;
  try {
    observed = await observeCase(engine, quantizer, options);
  } catch (error) {
    return [...findings, ["keeps the shape", `it can't be run: ${messageOf(error)}`]];
  }
  for (const [name, rule] of Object.entries(quantizerRules) as [
    keyof typeof quantizerRules,
    (typeof quantizerRules)["is monotone"],
  ][]) {
    if (name === IDEMPOTENT && quantizer.whyNotIdempotent !== undefined) continue;
    const message = rule(observed);
    if (message !== undefined) findings.push([name, message]);
  }
  return findings;
}

async function observeCase<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
): Promise<QuantizerCase> {
  const codes = quantizer.codes(options);
  const declared = quantizer.scale(options);
  const sample = inOneChannel(quantizer, options, sampleOf(quantizer.granularity(options)));
  const held = await holdFor(engine, quantizer, options, sample);
  const scale = declared.kind === "constant" ? declared.value : (held.scale?.data[0] as number);
  const numbers = Object.fromEntries(Object.entries(held.held).map(([name, { data }]) => [name, data[0]]));
  const gradient = quantizer.gradient?.(options, scale, numbers);
  const observe = (values: ArrayLike<number>) =>
    observeQuantizer(engine, quantizer, options, inOneChannel(quantizer, options, values), held);
  const every = listCodes(codes);
  const bits = (options as { bits?: unknown } | undefined)?.bits;
  return {
    codes,
    mostLevels: Number.isInteger(bits) ? 2 ** (bits as number) : every.length,
    isStatic: declared.kind === "constant",
    gradient,
    hasTerms: quantizer.terms !== undefined,
    probes: await observe(probeValues(codes, scale, gradient?.edges ?? [])),
    everyCode: await throughLevels(engine, quantizer, options, every, held),
  };
}

/** Each code to its level and back. */
async function throughLevels<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
  codes: readonly number[],
  holding: HeldValues,
): Promise<QuantizerCase["everyCode"]> {
  const run = engine.compile((inputs) => {
    const { scale, held } = heldTensors(holding);
    const levels = quantizer.fromCodes(inputs.codes, options, scale, held);
    const terms = quantizer.terms?.(inputs.codes, options, scale, held);
    const scaled = terms?.map((term) => inPlace(multiply(term.codes, term.scale), term, inputs.codes)) ?? [
      multiply(inputs.codes, scale ?? (quantizer.scale(options) as { value: number }).value),
    ];
    const together = scaled.reduce((sum, each) => add(sum, each));
    return { levels, together, back: quantizer.toCodes(levels, options, scale, held) };
  });
  const { levels, together, back } = await run({ codes: inOneChannel(quantizer, options, codes) });
  return {
    codes,
    levels: levels.data as Float32Array,
    back: back.data as Float32Array,
    together: together.data as Float32Array,
  };
}

/** A term that is about some channels, in a field of zeros. */
function inPlace(part: Tensor, { channels }: Term, whole: Tensor): Tensor {
  if (!channels) return part;
  const { from, count } = channels;
  const alongChannels = (size: number) => whole.shape.map((_, axis) => (axis === 1 ? size : 0));
  return zeroPad(part, { before: alongChannels(from), after: alongChannels(whole.shape[1] - from - count) });
}

/** One group's worth of sample values, or 64 of them. */
function sampleOf(granularity: Granularity): Float32Array {
  const sample = sampleValues();
  return granularity.kind === "per-group" ? sample.subarray(0, granularity.size) : sample;
}

/** A scale is above 0, has one value for each channel, and each of them sees only its own channel. */
async function checkScale<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
): Promise<string | undefined> {
  const declared = quantizer.scale(options);
  if (declared.kind === "constant") {
    return Number.isFinite(declared.value) && declared.value > 0
      ? undefined
      : `the constant scale is ${declared.value}`;
  }
  const granularity = quantizer.granularity(options);
  if (granularity.kind === "per-group") return undefined;
  const first = sampleValues();
  const second = first.map((value) => value * 3 + 0.25);
  const scaleOf = async (values: HostTensor) => (await holdFor(engine, quantizer, options, values)).scale as HostTensor;
  const alone = await scaleOf(inOneChannel(quantizer, options, first));
  const zeros = await scaleOf(
    inOneChannel(
      quantizer,
      options,
      first.map(() => 0),
    ),
  );
  const bad = [alone, zeros].find(({ data }) => data.length !== 1 || !Number.isFinite(data[0]) || data[0] <= 0);
  if (bad)
    return `one channel gives the scale [${bad.data}]; above 0 and one for a channel is wanted, also where all values are 0`;
  if (granularity.kind === "per-tensor") return undefined;
  const both = await scaleOf(joinChannels(inOneChannel(quantizer, options, first), second, granularity.axis));
  if (both.shape.join() !== alone.shape.map((size, axis) => (axis === granularity.axis ? 2 : size)).join()) {
    return `two channels along axis ${granularity.axis} give scales of shape [${both.shape}]`;
  }
  return both.data[0] === alone.data[0] ? undefined : "the scale of a channel changes when another one joins it";
}

/** The values of `first` with a second channel beside them. */
function joinChannels(first: HostTensor, second: Float32Array, axis: number): HostTensor {
  const shape = first.shape.map((size, each) => (each === axis ? 2 : size));
  const data = new Float32Array(2 * second.length);
  const isOuter = axis === 0; // else the values run along axis 0 and the channels alternate
  for (let i = 0; i < second.length; i++) {
    data[isOuter ? i : 2 * i] = first.data[i];
    data[isOuter ? second.length + i : 2 * i + 1] = second[i];
  }
  return { dtype: "f32", shape, data };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n").join("; ") : String(error);
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.length === others.length && keys.every((key) => Object.hasOwn(b, key) && isSame(left[key], right[key]));
}
