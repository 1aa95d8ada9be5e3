import {
  type AveragePoolOptions,
  averagePool2d,
  maxPool2d,
  mean,
  type PoolOptions,
  reshape,
} from "@lowbit/core-tensor";
import { type Layer, plainLayer } from "./layer.js";

/** Largest value of each window of x [N, C, H, W]. */
export const maxPoolLayer = (name: string, options: PoolOptions): Layer =>
  plainLayer(name, (x) => maxPool2d(x, options));

/** Mean of each window of x [N, C, H, W]. */
export const averagePoolLayer = (name: string, options: AveragePoolOptions): Layer =>
  plainLayer(name, (x) => averagePool2d(x, options));

/** Mean over all positions: x [N, C, H, W] → [N, C]. */
export const globalMeanLayer = (name: string): Layer => plainLayer(name, (x) => mean(x, { axes: [2, 3] }));

/** x [N, …] → [N, features]; the batch stays open. */
export const flattenLayer = (name: string, features: number): Layer =>
  plainLayer(name, (x) => reshape(x, { shape: [-1, features] }));
