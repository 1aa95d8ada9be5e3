import { elementsOf } from "../../../graph/shape.js";
import { defineElementKernel } from "../gpu-kernel.js";
import { takeApart } from "../kernel-source.js";

/** (x − mean) / √(variance + ε) · γ + β. */
export const batchNormaliseKernel = defineElementKernel(
  "batchNormalise",
  ["x", "moments", "gamma", "beta"],
  ({ inputs: [x], attributes: { epsilon } }) => {
    const [N, C, ...rest] = x.shape;
    return `${takeApart("i", [N, C, elementsOf(rest)], ["n", "c", "at"])}
const scale = 1 / Math.sqrt(moments[${C} + c] + ${Math.fround(epsilon)});
return (x[i] - moments[c]) * scale * gamma[c] + beta[c];`;
  },
);
