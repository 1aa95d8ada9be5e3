import type { Dtype, HostArray } from "./dtype.js";
import { GraphError } from "./errors.js";
import { checkShape, type Shape } from "./shape.js";
import { checkHostTensor, variableSource } from "./sources.js";
import { Tensor } from "./tensor.js";

/** What a variable starts from: values, or a function that makes them when somebody first needs them. */
export interface InitialValue {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly data: HostArray | (() => HostArray);
}

/** How an optimiser treats a parameter that does not learn as the rest do: a learned scale. */
export interface ParameterGroup {
  /** Whether it decays with the weights. */
  readonly decays: boolean;
  /** What its learning rate is multiplied by. */
  readonly learningRateFactor: number;
}

export interface VariableOptions {
  /** Unique within a model: "stage1.block0.conv1.weight". Stored in checkpoints. */
  readonly name: string;
  readonly initial: InitialValue;
  /** Parameters are trained; state (running statistics, momenta, counters) is not. */
  readonly trainable?: boolean;
  readonly group?: ParameterGroup;
}

/**
 * Named state outside the graph: a parameter, an optimiser's moment, a running statistic. Each engine keeps its own
 * copy, which starts from `initial`; `engine.read` and `engine.write` reach it between runs. Values that are given as a
 * function are made at first use, so that graphs of large networks can be read without holding a single weight.
 */
export class Variable {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly trainable: boolean;
  readonly group: ParameterGroup | undefined;
  private values: InitialValue["data"];
  /** The node that reads this variable; the same for all readers. */
  readonly tensor: Tensor;

  constructor({ name, initial, trainable = false, group }: VariableOptions) {
    const { dtype, shape, data } = initial;
    if (typeof data === "function") checkShape(`variable "${name}"`, shape);
    else checkHostTensor(`variable "${name}"`, { dtype, shape, data });
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.trainable = trainable;
    this.group = group;
    this.values = data;
    this.tensor = new Tensor(variableSource, [], { variable: this }, shape, dtype, "");
  }

  /** The first values, made now if nobody has asked before. */
  get initial(): HostArray {
    if (typeof this.values !== "function") return this.values;
    const data = this.values();
    checkHostTensor(`variable "${this.name}"`, { dtype: this.dtype, shape: this.shape, data });
    this.values = data;
    return data;
  }
}

/** A trainable f32 variable. */
export function parameter(
  name: string,
  shape: Shape,
  data: Float32Array | (() => Float32Array),
  group?: ParameterGroup,
): Variable {
  return new Variable({ name, initial: { dtype: "f32", shape, data }, trainable: true, group });
}

/** State that a step may assign but no gradient reaches. */
export function stateVariable(name: string, initial: InitialValue): Variable {
  return new Variable({ name, initial });
}

/** What a function did while it was traced: the writes of the step, in order of recording. */
export interface Trace {
  assignments: { readonly variable: Variable; readonly value: Tensor }[];
}

let current: Trace | undefined;

/** Runs `build` with a fresh trace and returns its result and what it recorded. Traces do not nest. */
export function trace<T>(build: () => T): { result: T; trace: Trace } {
  if (current) throw new GraphError("a trace can't start inside another", { hint: "call compiled functions outside" });
  current = { assignments: [] };
  try {
    return { result: build(), trace: current };
  } finally {
    current = undefined;
  }
}

/** The trace being recorded, for passes that rewrite its graph; undefined outside `compile`. */
export function currentTrace(): Trace | undefined {
  return current;
}

/** Records that the step writes `value` into `variable` once everything has been computed and checked. */
export function assign(variable: Variable, value: Tensor): void {
  if (!current) {
    throw new GraphError(`"${variable.name}" can't be assigned outside a compiled step`, {
      hint: "engine.write(variable, values) sets it between runs",
    });
  }
  if (current.assignments.some((each) => each.variable === variable)) {
    throw new GraphError(`"${variable.name}" is assigned twice in one step`, { want: "one write for each variable" });
  }
  if (value.dtype !== variable.dtype || value.shape.join() !== variable.shape.join()) {
    throw new GraphError(`"${variable.name}" is ${variable.dtype} [${variable.shape}] and can't be assigned`, {
      want: `${variable.dtype} [${variable.shape}]`,
      got: `${value.dtype} [${value.shape}]`,
    });
  }
  current.assignments.push({ variable, value });
}
