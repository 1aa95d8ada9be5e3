import { add, elementsOf, inLayer, multiply, stateVariable, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { JsonRecord } from "../json.js";

/** An optimiser at work on given parameters. */
export interface ParameterUpdate {
  /** Momenta and counters: saved and restored with the parameters. */
  readonly variables: readonly Variable[];
  /** Records the writes of one step: gradients in the order of the parameters, learningRate [] f32. */
  update(gradients: readonly Tensor[], learningRate: Tensor): void;
}

/** A way to make a loss small. Plain data and one function: the same value can serve many models. */
export interface Optimiser {
  readonly name: string;
  readonly options: JsonRecord;
  forParameters(parameters: readonly Variable[]): ParameterUpdate;
}

/** A variable of zeros beside a parameter: "conv1.weight.momentum". */
export function zerosLike(parameter: Variable, part: string): Variable {
  const { name, shape, dtype } = parameter;
  return stateVariable(`${name}.${part}`, { dtype, shape, data: () => new Float32Array(elementsOf(shape)) });
}

/** Biases, batch norm's γ and β: numbers for which "small" is not "simple". They do not decay, nor does what says so itself. */
export const decays = ({ group, shape }: Variable): boolean => group?.decays ?? shape.length >= 2;

/** The learning rate of one parameter: that of all, times the factor of its group. */
export function rateOf({ group }: Variable, learningRate: Tensor): Tensor {
  const factor = group?.learningRateFactor ?? 1;
  return factor === 1 ? learningRate : multiply(learningRate, factor);
}

/** from · keep + to · (1 − keep), both factors rounded on their own: an exponential moving average. */
export function movingAverage(from: Tensor, to: Tensor | number, keep: number): Tensor {
  return add(multiply(from, keep), multiply(to, 1 - keep));
}

/** Records each parameter's writes under its layer, so that a value that is not finite is found where it belongs. */
export function forEachParameter(
  parameters: readonly Variable[],
  record: (parameter: Variable, i: number) => void,
): void {
  parameters.forEach((parameter, i) => {
    inLayer(parameter.name.replace(/\.[^.]*$/, ""), () => record(parameter, i));
  });
}
