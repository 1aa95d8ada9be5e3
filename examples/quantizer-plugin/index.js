import { builtIns, createRegistry, defineScheme } from "@lowbit/quant";
import { sigma } from "./quantizer.js";

const uniform = createRegistry(builtIns).scheme("uniform");

/** Weights through sigma; inputs through the uniform grid, which lowbit has. */
const scheme = defineScheme({
  name: "sigma",
  version: 1,
  bits: (slot, edge) => (slot === "weight" ? [2, 3, 4, 5, 6, 7, 8] : uniform.bits(slot, edge)),
  choose: (slot, request) =>
    slot === "weight" ? { quantizer: sigma, options: { bits: request.bits } } : uniform.choose(slot, request),
});

/** What lowbit registers when lowbit.config.json, or --plugin, names this package. */
export const plugin = { quantizers: [sigma], schemes: [scheme] };
