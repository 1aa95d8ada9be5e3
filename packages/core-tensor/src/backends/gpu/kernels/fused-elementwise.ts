import type { OpDeclaration } from "../../../graph/define-op.js";
import { isPacked } from "../../../graph/dtype.js";
import { elementsOf, type Shape, sameShape } from "../../../graph/shape.js";
import { broadcastStrides } from "../../../ops/elementwise-op.js";
import type { ElementwiseStep, FusedElementwise } from "../../../plan/program.js";
import { defineGpuKernel } from "../gpu-kernel.js";
import { axisNames, dot, takeApart } from "../kernel-source.js";
import { type DeviceValue, type Launches, MOST_INPUTS } from "../launches.js";

/** Statements that leave the value of one step in the variable `out`. */
type StepSource = (out: string, sources: readonly string[], immediates: readonly number[]) => string;

/** fround: JavaScript computes in double, and every step of a pass ends in float32 on all backends. */
const formula =
  (expression: (a: string, b: string) => string): StepSource =>
  (out, [a, b]) =>
    `let ${out} = Math.fround(${expression(a, b)});`;

const choice =
  (condition: (a: string, b: string, c: string) => string, yes: number | ((s: readonly string[]) => string)) =>
  (no: number | ((s: readonly string[]) => string)): StepSource =>
  (out, sources) => {
    const [a, b, c] = sources;
    const text = (value: typeof yes) => (typeof value === "number" ? String(value) : value(sources));
    return `let ${out} = ${text(no)};\nif (${condition(a, b, c)}) { ${out} = ${text(yes)}; }`;
  };

const roundHalfEven: StepSource = (out, [a]) => `let ${out} = Math.floor(${a});
const ${out}Rest = ${a} - ${out};
const ${out}Odd = ${out} - 2 * Math.floor(${out} / 2);
if (${out}Rest > 0.5 || (${out}Rest >= 0.5 && ${out}Odd > 0.5)) { ${out} = ${out} + 1; }`;

const truncate: StepSource = (out, [a]) => `let ${out} = Math.floor(${a});
if (${a} < 0) { ${out} = Math.ceil(${a}); }`;

const isNotZero = choice((a) => `${a} !== 0`, 1)(0);

const number = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return "3.4e38 * 10";
  if (value === Number.NEGATIVE_INFINITY) return "-3.4e38 * 10";
  return Math.fround(value) < 0 ? `(${Math.fround(value)})` : String(Math.fround(value));
};

const steps: ReadonlyMap<string, StepSource> = new Map<string, StepSource>([
  ["add", formula((a, b) => `${a} + ${b}`)],
  ["subtract", formula((a, b) => `${a} - ${b}`)],
  ["multiply", formula((a, b) => `${a} * ${b}`)],
  ["divide", formula((a, b) => `${a} / ${b}`)],
  ["maximum", formula((a, b) => `Math.max(${a}, ${b})`)],
  ["minimum", formula((a, b) => `Math.min(${a}, ${b})`)],
  ["negate", formula((a) => `-${a}`)],
  ["abs", formula((a) => `Math.abs(${a})`)],
  ["square", formula((a) => `${a} * ${a}`)],
  ["sqrt", formula((a) => `Math.sqrt(${a})`)],
  ["exp", formula((a) => `Math.exp(${a})`)],
  ["log", formula((a) => `Math.log(${a})`)],
  ["tanh", formula((a) => `Math.tanh(Math.max(-20, Math.min(20, ${a})))`)], // drivers overflow inside tanh
  ["sigmoid", formula((a) => `1 / (1 + Math.exp(-${a}))`)],
  ["copy", formula((a) => a)],
  ["relu", choice((a) => `${a} < 0`, 0)(([a]) => a)],
  [
    "reluGradient",
    choice(
      (_, x) => `${x} > 0`,
      ([dy]) => dy,
    )(0),
  ],
  ["sign", choice((a) => `${a} >= 0`, 1)(-1)],
  ["greater", choice((a, b) => `${a} > ${b}`, 1)(0)],
  ["greaterEqual", choice((a, b) => `${a} >= ${b}`, 1)(0)],
  ["less", choice((a, b) => `${a} < ${b}`, 1)(0)],
  ["equal", choice((a, b) => `${a} === ${b}`, 1)(0)],
  [
    "select",
    choice(
      (condition) => `${condition} !== 0`,
      ([, a]) => a,
    )(([, , b]) => b),
  ],
  ["roundHalfEven", roundHalfEven],
  ["roundStraightThrough", roundHalfEven],
  [
    "clip",
    (out, [a], [min, max]) =>
      `let ${out} = ${a};\nif (${a} < ${number(min)}) { ${out} = ${number(min)}; }\nif (${a} > ${number(max)}) { ${out} = ${number(max)}; }`,
  ],
  [
    "clipGradient",
    (out, [dy, x], [min, max]) =>
      `let ${out} = 0;\nif (${x} >= ${number(min)} && ${x} <= ${number(max)}) { ${out} = ${dy}; }`,
  ],
  ["cast", (out, sources, [to]) => [formula((a) => a), truncate, truncate, isNotZero][to](out, sources, [])],
]);

/** Whether a fused pass of this backend has a step for an element-wise operation. */
export const isFusible = ({ elementwise }: OpDeclaration): boolean =>
  elementwise !== undefined && steps.has(elementwise.code);

/** One launch that computes `chosen` steps and returns the last of them. */
function addPass(
  shape: Shape,
  chosen: readonly { readonly step: ElementwiseStep; readonly register: number }[],
  values: ReadonlyMap<number, { readonly value: DeviceValue; readonly shape: Shape }>,
  launches: Launches,
): DeviceValue {
  const made = new Set(chosen.map(({ register }) => register));
  const read = [...new Set(chosen.flatMap(({ step }) => step.sources))].filter((register) => !made.has(register));
  const names = axisNames(shape);
  const loads = read.map((register) => {
    const operand = values.get(register)?.shape ?? shape;
    const at = sameShape(operand, shape) ? "i" : dot(names, broadcastStrides(operand, shape));
    return `const r${register} = x${register}[${at}];`;
  });
  const needsAxes = read.some((register) => !sameShape(values.get(register)?.shape ?? shape, shape));
  const body = chosen.map(({ step, register }) => {
    const source = steps.get(step.code) as StepSource; // `isFusible` has refused all others
    return source(
      `r${register}`,
      step.sources.map((each) => `r${each}`),
      step.immediates,
    );
  });
  const last = chosen[chosen.length - 1].register;
  const inputs = Object.fromEntries(
    read.map((register) => [`x${register}`, values.get(register)?.value as DeviceValue]),
  );
  return launches.add(
    elementsOf(shape),
    inputs,
    [...(needsAxes ? [takeApart("i", shape, names)] : []), ...loads, ...body, `return r${last};`].join("\n"),
  );
}

/** The steps that a register needs, in order. */
function stepsFor(
  register: number,
  pass: FusedElementwise,
  first: number,
): { step: ElementwiseStep; register: number }[] {
  const needed = new Set([register]);
  const chosen: { step: ElementwiseStep; register: number }[] = [];
  for (let at = register; at >= first; at--) {
    if (!needed.has(at)) continue;
    const step = pass.steps[at - first];
    for (const source of step.sources) needed.add(source);
    chosen.unshift({ step, register: at });
  }
  return chosen;
}

/** A pass of element-wise steps: one launch for each result, or, where it reads more arrays than a launch may, one a step. */
export const fusedElementwiseKernel = defineGpuKernel({
  op: "fusedElementwise",
  supports: ({ inputs, outputs }) =>
    ![...inputs, ...outputs].some(({ dtype }) => isPacked(dtype)) || "packed codes have no element-wise form",
  name: ({ attributes }) =>
    `elementwise-gpu-${(attributes as FusedElementwise).steps.map(({ code }) => code).join("+")}`,
  emit: ({ attributes, inputs: buffers }, inputs, launches) => {
    const pass = attributes as FusedElementwise;
    const values = new Map(inputs.map((value, register) => [register, { value, shape: buffers[register].shape }]));
    if (inputs.length > MOST_INPUTS) {
      pass.steps.forEach((step, index) => {
        const register = inputs.length + index;
        values.set(register, { value: addPass(pass.shape, [{ step, register }], values, launches), shape: pass.shape });
      });
      return pass.results.map((register) => (values.get(register) as { value: DeviceValue }).value);
    }
    return pass.results.map((register) =>
      addPass(pass.shape, stepsFor(register, pass, inputs.length), values, launches),
    );
  },
});
