import { z } from "zod";
import { observerOption } from "../observers/create-observer.js";

/** "per-tensor", "per-channel", or "per-group:16": as many input channels of an output channel share a grid. */
const granularityOption = z
  .string()
  .regex(/^(per-tensor|per-channel|per-group:[1-9]\d{0,4})$/, "per-tensor, per-channel, or per-group:CHANNELS");

/** What the schemes of uniform grids let their user decide. */
export const uniformOptions = {
  /** Of inputs. */
  observer: observerOption.optional(),
  weightObserver: observerOption.optional(),
  /** Of weights, per channel where absent; inputs have one grid a layer. */
  granularity: granularityOption.optional(),
};

/** The same in the words of a quantizer's options. */
export function granularityOf(text = "per-channel"): { granularity: string; size?: number } {
  const [granularity, size] = text.split(":");
  return size === undefined ? { granularity } : { granularity, size: Number(size) };
}
