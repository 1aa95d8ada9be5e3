import type { HostTensor, Tensor, Variable } from "@lowbit/core-tensor";

/** Batch norm in an evaluation graph: a = γ / √(variance + ε), b = β − mean · a, output = input · a + b. */
export interface BatchNormNodes {
  readonly output: Tensor;
  readonly gamma: Variable;
  readonly beta: Variable;
  readonly runningMean: Variable;
  readonly runningVariance: Variable;
  readonly epsilon: number;
}

const variableOf = (node: Tensor | undefined): Variable | undefined =>
  node?.op.name === "variable" ? node.attributes.variable : undefined;

const unreshaped = (node: Tensor | undefined): Tensor | undefined =>
  node?.op.name === "reshape" ? node.inputs[0] : node;

/**
 * The batch norm that multiplies `product`'s first input, as `batchNormLayer` builds it.
 *
 * @param readersOf  the nodes that read a node
 */
export function batchNormAt(
  product: Tensor,
  readersOf: (node: Tensor) => readonly Tensor[],
): BatchNormNodes | undefined {
  const [output, ...others] = readersOf(product);
  if (product.op.name !== "multiply" || output?.op.name !== "add" || others.length > 0) return undefined;
  const [a, b] = [unreshaped(product.inputs[1]), unreshaped(output.inputs[1])];
  const root = a?.op.name === "divide" ? a.inputs[1] : undefined;
  const sum = root?.op.name === "sqrt" ? root.inputs[0] : undefined;
  const gamma = variableOf(a?.inputs[0]);
  const runningVariance = variableOf(sum?.inputs[0]);
  const beta = b?.op.name === "subtract" ? variableOf(b.inputs[0]) : undefined;
  const runningMean = variableOf(b?.inputs[1]?.inputs[0]);
  const epsilon = sum?.inputs[1]?.attributes.data?.[0];
  if (!gamma || !beta || !runningMean || !runningVariance || typeof epsilon !== "number") return undefined;
  return { output, gamma, beta, runningMean, runningVariance, epsilon };
}

/** The values of a network's variables, in float64 while they are worked on. */
export interface Values {
  get(variable: Variable): Float64Array;
}

/**
 * Multiplies a batch norm into the weights before it: w ← a · w by output channel. What is left of the batch norm adds b alone:
 * γ = 1, β = b, mean = 0, variance = 1 − ε. The network computes the same.
 *
 * Source: Nagel et al., arXiv 1906.04721, section 3.2 (Jacob et al., arXiv 1712.05877, eq. 14)
 */
export function absorbBatchNorm(weight: Variable, norm: BatchNormNodes, values: Values): void {
  const [w, gamma, beta] = [values.get(weight), values.get(norm.gamma), values.get(norm.beta)];
  const [mean, variance] = [values.get(norm.runningMean), values.get(norm.runningVariance)];
  const perChannel = w.length / gamma.length;
  for (let channel = 0; channel < gamma.length; channel++) {
    const a = gamma[channel] / Math.sqrt(variance[channel] + norm.epsilon);
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) w[i] *= a;
    beta[channel] -= mean[channel] * a;
    gamma[channel] = 1;
    mean[channel] = 0;
    variance[channel] = 1 - norm.epsilon;
  }
}

/** Reads and writes the f32 values of variables as float64. */
export class VariableValues implements Values {
  private readonly known = new Map<Variable, Float64Array>();

  constructor(private readonly from: ReadonlyMap<Variable, HostTensor>) {}

  get(variable: Variable): Float64Array {
    const known = this.known.get(variable);
    if (known) return known;
    const values = Float64Array.from((this.from.get(variable) as HostTensor).data);
    this.known.set(variable, values);
    return values;
  }

  /** Those that were asked for, rounded to f32. */
  changed(): Map<Variable, HostTensor> {
    return new Map(
      [...this.known].map(([variable, values]) => [
        variable,
        { dtype: "f32", shape: variable.shape, data: Float32Array.from(values) },
      ]),
    );
  }
}
