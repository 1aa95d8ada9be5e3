import { add, conv2d, inLayer, reshape, type WindowOptions } from "@lowbit/core-tensor";
import { heFanOut, type Initialiser, initialised, zeros } from "../initialisers.js";
import type { Layer } from "./layer.js";

export interface Conv2dLayerOptions extends WindowOptions {
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  /** [height, width] of the kernel, or one number for both. */
  readonly window: number | readonly [number, number];
  readonly groups?: number;
  /** Adds one number per output channel; false where absent: a batch norm that follows would take it away again. */
  readonly bias?: boolean;
  readonly initialiser?: Initialiser;
  readonly seed: number;
}

/** Convolution of x [N, C, H, W] with `weight` [M, C/groups, R, S], plus `bias` [M] where asked for. */
export function conv2dLayer(options: Conv2dLayerOptions): Layer {
  const { name, inChannels, outChannels, window, groups = 1, bias = false, initialiser = heFanOut, seed } = options;
  const { stride, padding, dilation } = options;
  const [R, S] = typeof window === "number" ? [window, window] : window;
  const weight = initialised(`${name}.weight`, [outChannels, inChannels / groups, R, S], initialiser, seed);
  const shift = bias ? initialised(`${name}.bias`, [outChannels], zeros, seed) : undefined;
  return {
    name,
    variables: shift ? [weight, shift] : [weight],
    forward: (x) =>
      inLayer(name, () => {
        const y = conv2d(x, weight, { stride, padding, dilation, groups });
        return shift ? add(y, reshape(shift, { shape: [outChannels, 1, 1] })) : y;
      }),
  };
}
