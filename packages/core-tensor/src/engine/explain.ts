import type { Attributes } from "../graph/tensor.js";
import type { LoadedProgram } from "../plan/backend.js";
import type { Program } from "../plan/program.js";

export interface ExplainedCall {
  readonly op: string;
  readonly layer: string;
  readonly shape: readonly number[];
  readonly attributes: Attributes;
  readonly kernel: string;
  readonly reason: string;
  readonly once: boolean;
}

export interface ExplainedProgram {
  /** Names, dtypes and shapes of the inputs it was compiled for. */
  readonly inputs: string;
  readonly scratchBytes: number;
  /** Operations that the backend has no kernel for, by name. */
  readonly computedByReference: readonly string[];
  readonly calls: readonly ExplainedCall[];
}

export interface Explanation {
  readonly backend: string;
  readonly build: string;
  readonly threads: number;
  /** How often the function was traced and planned: once for each set of input shapes. */
  readonly compilations: number;
  readonly programs: readonly ExplainedProgram[];
}

export function explainProgram(inputs: string, program: Program, { choices }: LoadedProgram): ExplainedProgram {
  const calls = program.calls.map(({ op, layer, attributes, outputs, once }, i) => ({
    op: op.name,
    layer,
    attributes,
    shape: outputs[0].shape,
    ...choices[i],
    once,
  }));
  const computedByReference = [...new Set(calls.filter(({ kernel }) => kernel === "reference").map(({ op }) => op))];
  return { inputs, scratchBytes: program.scratchBytes, computedByReference, calls };
}
