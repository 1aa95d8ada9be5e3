import type { Buffer, ElementwiseStep, FusedElementwise } from "../../../plan/program.js";

/** What is known of operands when steps are joined. */
export interface Operands {
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
  /** Inputs that are one value for all of a block. */
  readonly constants: ReadonlySet<number>;
}

/** Loads convert to f32 already where an operand is none. */
const isLoad = ({ code, immediates: [dtype] }: ElementwiseStep): boolean => code === "cast" && dtype === 0;
/** A cast to whole numbers. */
const truncates = ({ code, immediates: [dtype] }: ElementwiseStep): boolean =>
  code === "cast" && (dtype === 1 || dtype === 2);
const rounds = ({ code }: ElementwiseStep): boolean => code === "roundHalfEven" || code === "roundStraightThrough";

/**
 * The same pass in fewer steps, each of which is a walk through the first cache. Bit for bit the same: what is joined is still rounded
 * operation by operation.
 *
 *     cast of an integer input            the load has done that
 *     cast of a rounded value             it is whole already
 *     multiply, add                       multiplyAdd
 *     clip, multiply, round               quantize
 *     multiplyAdd, quantize, to bytes     affineToCodes, where all but the values are constants; it writes its result itself
 */
export function joinSteps(pass: FusedElementwise, { inputs, outputs, constants }: Operands): FusedElementwise {
  const first = inputs.length;
  const uses = new Map<number, number>();
  for (const source of [...pass.steps.flatMap(({ sources }) => sources), ...pass.results])
    uses.set(source, (uses.get(source) ?? 0) + 1);
  const stepOf = (value: number): ElementwiseStep | undefined => pass.steps[value - first];
  /** A value that nobody else reads, if it comes from such a step. */
  const inner = (value: number, code: string): ElementwiseStep | undefined => {
    const step = stepOf(value);
    return step?.code === code && uses.get(value) === 1 ? step : undefined;
  };
  /** The step of this code among two sources, and the other source. */
  const pick = ([a, b]: readonly number[], code: string): [ElementwiseStep, number] | undefined => {
    const [left, right] = [inner(a, code), inner(b, code)];
    return left ? [left, b] : right && [right, a];
  };

  /** Values that nobody reads but a result in bytes. */
  const stored = new Set(
    pass.results.flatMap((value, index) => {
      const step = stepOf(value);
      const isBytes = outputs[index].dtype === "u8" && step !== undefined && truncates(step);
      return isBytes && uses.get(value) === 1 && uses.get(step.sources[0]) === 1 ? step.sources : [];
    }),
  );
  const affine = (value: number): readonly number[] | undefined => {
    const sum = inner(value, "add");
    const found = sum && pick(sum.sources, "multiply");
    if (!found || !constants.has(found[1])) return undefined;
    const [a, b] = found[0].sources;
    if (constants.has(b)) return [a, b, found[1]];
    return constants.has(a) ? [b, a, found[1]] : undefined;
  };

  const join = (step: ElementwiseStep, index: number): ElementwiseStep => {
    if (step.code === "add") {
      const found = pick(step.sources, "multiply");
      if (found) return { code: "multiplyAdd", sources: [...found[0].sources, found[1]], immediates: [] };
    }
    if (rounds(step)) {
      const scaled = inner(step.sources[0], "multiply");
      const found = scaled && pick(scaled.sources, "clip");
      if (found) {
        const [{ sources, immediates }, scale] = found;
        const map = stored.has(first + index) && constants.has(scale) ? affine(sources[0]) : undefined;
        return map
          ? { code: "affineToCodes", sources: [...map, scale], immediates }
          : { code: "quantize", sources: [sources[0], scale], immediates };
      }
    }
    return step;
  };

  const isInputCast = (step: ElementwiseStep): boolean =>
    isLoad(step) && step.sources[0] < first && inputs[step.sources[0]].dtype !== "f32";
  const isWhole = (step: ElementwiseStep): boolean => {
    const source = stepOf(step.sources[0]);
    return truncates(step) && source !== undefined && rounds(source);
  };

  // Backwards: which values are still wanted; then forwards with new numbers.
  const joined = pass.steps.map(join);
  const wanted = new Set(pass.results);
  for (let value = first + joined.length - 1; value >= first; value--)
    if (wanted.has(value)) for (const source of joined[value - first].sources) wanted.add(source);
  const numbers = new Map<number, number>(inputs.map((_, index) => [index, index]));
  const steps: ElementwiseStep[] = [];
  joined.forEach((step, index) => {
    const value = first + index;
    if (!wanted.has(value)) return;
    const sources = step.sources.map((source) => numbers.get(source) as number);
    const isResult = pass.results.includes(value);
    if ((isInputCast(step) && !isResult) || isWhole(step)) {
      numbers.set(value, sources[0]);
      return;
    }
    numbers.set(value, first + steps.length);
    steps.push({ ...step, sources });
  });
  return { ...pass, steps, results: pass.results.map((value) => numbers.get(value) as number) };
}
