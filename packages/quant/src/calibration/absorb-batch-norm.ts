import type { HostTensor, Variable } from "@lowbit/core-tensor";
import type { BatchNormNodes } from "../batch-norm-nodes.js";

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
