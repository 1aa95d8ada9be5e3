import type { Values } from "../../graph/define-op.js";
import { elementsOf } from "../../graph/shape.js";
import type { Attributes } from "../../graph/tensor.js";
import { operations } from "../../ops/operations.js";
import { castableDtypes } from "../../ops/unary.js";
import type { ElementwiseStep, FusedElementwise } from "../../plan/program.js";

/** The attributes of the operation that a step was made of, from its immediates. */
function attributesOf({ code, immediates }: ElementwiseStep): Attributes {
  if (code === "cast") return { dtype: castableDtypes[immediates[0]] };
  const [min, max] = immediates;
  return immediates.length > 0 ? { min, max } : undefined;
}

/** A fused pass by the references of its steps, one after the other; what lies between is f32, as in every fused pass. */
export function runFusedSteps(outputs: readonly Values[], inputs: readonly Values[], attributes: Attributes): void {
  const { shape, steps, results } = attributes as FusedElementwise;
  const values: Values[] = [...inputs];
  for (const step of steps) {
    const reference = operations.get(step.code)?.reference;
    if (!reference) throw new Error(`${step.code} has no reference`); // a bug of ours
    const out: Values = { shape, dtype: "f32", data: new Float32Array(elementsOf(shape)) };
    reference(
      out,
      step.sources.map((source) => values[source]),
      attributesOf(step),
    );
    values.push(out);
  }
  results.forEach((register, index) => outputs[index].data.set(values[register].data));
}
