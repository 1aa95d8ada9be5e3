import type { Tensor } from "@lowbit/core-tensor";
import { z } from "zod";
import type { Granularity } from "../define-quantizer.js";

/** Whose statistic it is: one for the whole tensor, or one for each output channel (axis 0). */
export const weightGranularity = z.enum(["per-tensor", "per-channel"]);
type WeightGranularity = z.output<typeof weightGranularity>;

/** The axes over which a weight's statistic goes: all of them, or all but that of the output channels. */
export const axesWithin = (w: Tensor, granularity: WeightGranularity): number[] =>
  w.shape.map((_, axis) => axis).slice(granularity === "per-channel" ? 1 : 0);

/** The same, as a quantizer declares it. */
export const granularityOf = (granularity: WeightGranularity): Granularity =>
  granularity === "per-channel" ? { kind: "per-channel", axis: 0 } : { kind: "per-tensor" };
