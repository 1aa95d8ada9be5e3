import { concat, inLayer } from "@lowbit/core-tensor";
import type { Layer } from "./layer.js";

/** Layers side by side: all read the same x [N, C, H, W], and their channels are put one after the other. */
export function branchesLayer(name: string, branches: readonly Layer[]): Layer {
  return {
    name,
    variables: branches.flatMap(({ variables }) => variables),
    forward: (x, context) => {
      const results = branches.map((branch) => branch.forward(x, context));
      return inLayer(name, () => concat(results, { axis: 1 }));
    },
  };
}
