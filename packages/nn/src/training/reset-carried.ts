import type { Engine } from "@lowbit/core-tensor";
import type { Model } from "../models/model.js";

/** Lets the sequences that a model reads begin anew: what it carries from call to call gets its first values again. */
export async function resetCarried(engine: Engine, { carried = [] }: Pick<Model, "carried">): Promise<void> {
  for (const variable of carried) {
    const { dtype, shape, initial } = variable;
    await engine.write(variable, { dtype, shape, data: initial });
  }
}
