import { roundUp } from "../instruction.js";
import { type Correlation, layOutCorrelation, pitchOf } from "./correlation.js";

/** How a convolution of codes is cut in chunks: bands of rows of the image, and shares of the filters. */
export interface Shares {
  readonly bandRows?: number;
  /** Shares, and filters of each: a multiple of 4. */
  readonly count: number;
  readonly filters: number;
}

/** What 32 pixels cost: what is made before any filter, and each filter, in the same unit. */
interface TileCost {
  readonly made: number;
  readonly row: number;
}

const TILE = 32;

const FEWEST_FILTERS = 64;
/** Sums of a chunk, two bytes each, stay in the second cache. */
const MOST_SUM_BYTES = 192 * 1024;

/**
 * The cut that takes least time on so many threads: tiles are filled, what is made for all filters is made seldom, and nobody waits long.
 * Only for kernels that are exact: the cut depends on the number of threads.
 */
export function shareOut(
  { images, groups, outChannels, outSize: [height, width], columns }: Correlation,
  { made, row }: TileCost,
  threads: number,
): Shares {
  const pitch = pitchOf(columns);
  const tilesOf = (rows: number) => (rows > 0 ? Math.ceil(((rows - 1) * pitch + width) / TILE) : 0);
  let best: Shares = { bandRows: Math.max(1, height), count: 1, filters: roundUp(Math.max(1, outChannels), 4) };
  let least = Number.POSITIVE_INFINITY;
  for (let count = 1; count === 1 || outChannels / count >= FEWEST_FILTERS; count *= 2) {
    const filters = roundUp(Math.max(1, Math.ceil(outChannels / count)), 4);
    for (let bands = 1; bands <= height; bands++) {
      const bandRows = Math.ceil(height / bands);
      if (bandRows > 1 && filters * bandRows * pitch * 2 > MOST_SUM_BYTES) continue;
      const whole = Math.floor(height / bandRows);
      const tiles = whole * tilesOf(bandRows) + tilesOf(height - whole * bandRows);
      const work = count * tiles * (made + row * filters);
      const chunks = images * groups * count * Math.ceil(height / bandRows);
      const cost = (work * Math.ceil(chunks / threads)) / chunks;
      if (cost < least) {
        least = cost;
        best = { bandRows, count: Math.max(1, Math.ceil(outChannels / filters)), filters };
      }
    }
  }
  return best;
}

/** Bands as all convolutions have them, and shares of the filters where those alone leave threads idle. */
export function shareFilters(correlation: Correlation, threads: number): Shares {
  const { images, groups, outChannels } = correlation;
  const chunks = images * groups * layOutCorrelation(correlation).bands;
  const count = Math.max(
    1,
    Math.min(Math.ceil(threads / Math.max(1, chunks)), Math.floor(outChannels / FEWEST_FILTERS)),
  );
  const filters = roundUp(Math.max(1, Math.ceil(outChannels / count)), 4);
  return { count: Math.max(1, Math.ceil(outChannels / filters)), filters };
}
