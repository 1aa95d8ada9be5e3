import { SimulatorError } from "../simulator-error.js";
import { elementsOf, type Layer } from "../workload/layer.js";

/** The values of a layer: zeros are what the grid skips. */
export interface LayerValues {
  /** [batch, C, H, W], or [M · batch, K] of a product. */
  readonly inputs: ArrayLike<number>;
  /** [M, C / groups, R, S], or [N, K / groups]. */
  readonly weights: ArrayLike<number>;
}

const MOST_VALUES = 2 ** 28;

/**
 * Whole numbers with zeros at the layer's densities, each drawn independently: weights from −(2^(bits − 1) − 1) to its opposite (one
 * bit or two: −1 and 1), activations from 1 to 15 or to what their bits hold.
 */
export function drawValues(
  layer: Layer,
  { wBits, aBits }: { wBits: number; aBits: number },
  seed: number,
): LayerValues {
  const { inputs, weights } = elementsOf(layer);
  if (inputs + weights > MOST_VALUES) {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `layer "${layer.name}" has ${inputs + weights} values`, {
      where: `layer "${layer.name}"`,
      want: `at most ${MOST_VALUES} for the event model`,
      hint: "the closed form, --mode closed",
    });
  }
  const random = seededRandom(seed, layer.name);
  const mostWeight = Math.max(1, 2 ** (Math.min(wBits, 5) - 1) - 1);
  const mostInput = Math.min(15, 2 ** Math.min(aBits, 4) - 1);
  const signed = (): number => {
    const size = 1 + Math.floor(random() * mostWeight);
    return random() < 0.5 ? -size : size;
  };
  return {
    weights: Int8Array.from({ length: weights }, () => (random() < layer.wDensity ? signed() : 0)),
    inputs: Int8Array.from({ length: inputs }, () =>
      random() < layer.aDensity ? 1 + Math.floor(random() * mostInput) : 0,
    ),
  };
}

/**
 * Which places of a padded map have work, at the density of the layer's activations: by its index, the same whoever asks.
 *
 * @returns 1 or 0
 */
export function drawPadding({ name, aDensity }: Layer, seed: number): (place: number) => number {
  const start = hashOf(`${seed} ${name} padding`);
  return (place) => (mix((start + Math.imul(place + 1, 0x6d2b79f5)) | 0) < aDensity ? 1 : 0);
}

/** Numbers in [0, 1) of a stream that a seed and a name decide (mulberry32, seeded through FNV-1a). */
function seededRandom(seed: number, name: string): () => number {
  let state = hashOf(`${seed} ${name}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return mix(state);
  };
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function mix(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
