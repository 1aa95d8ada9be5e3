import type { BoundQuantizer } from "@lowbit/quant";

/** A weight's quantizer, with the scale of its static grid: w is quantized as g · q(w / g). */
export interface BoundMatrixQuantizer extends BoundQuantizer {
  /** The constant g, or what it starts from where it is learned. */
  readonly gain: number;
  /** g is a variable of the cell, trained with the rest by LSQ's gradient. */
  readonly isGainLearned: boolean;
}

/** The quantizer of an edge: its grid is static, so that codes mean the same in each step. */
export interface BoundEdgeQuantizer extends BoundQuantizer {
  /** What one code is worth. */
  readonly scale: number;
}

/** What the edges of a recurrent cell go through; a slot that is absent stays fp32. */
export interface CellQuantizers {
  /** The matrices that read the input. */
  readonly weight?: BoundMatrixQuantizer;
  /** The matrices that read the state. */
  readonly recurrent?: BoundMatrixQuantizer;
  readonly input?: BoundEdgeQuantizer;
  /** The hidden state: what the next step and the next layer read, and what lies between two calls. */
  readonly state?: BoundEdgeQuantizer;
  /** Gates behind a sigmoid lie in [0, 1], values behind a tanh in [−1, 1]: two grids, neither needs a scale. */
  readonly sigmoidGate?: BoundEdgeQuantizer;
  readonly tanhGate?: BoundEdgeQuantizer;
  /** The LSTM's cell, which nothing bounds. */
  readonly cell?: BoundEdgeQuantizer;
}

export const noQuantizers: CellQuantizers = {};
