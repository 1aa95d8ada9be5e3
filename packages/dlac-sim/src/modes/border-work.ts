import { type Layer, outputSizeOf } from "../workload/layer.js";
import { type GridPlan, lengthOf, type Range } from "./grid-plan.js";

/**
 * The share of each pixel's window that has work in its activations: more at the border of a map than inside, since padding counts as
 * work and is never skipped.
 *
 * @returns undefined where all pixels are alike: no zero is skipped, or there is no padding
 */
export function windowWork(layer: Layer, { aWork }: GridPlan): ((pixel: number) => number) | undefined {
  if (aWork === 1 || layer.type === "gemm" || (layer.padH === 0 && layer.padW === 0)) return undefined;
  const [height, width] = outputSizeOf(layer);
  const inside = (output: number, filter: number, stride: number, pad: number, length: number): number => {
    const start = output * stride - pad;
    return Math.max(0, Math.min(length, start + filter) - Math.max(0, start)) / filter;
  };
  const { H, W, R, S, strideH, strideW, padH, padW } = layer;
  const vertical = Array.from({ length: height }, (_, y) => inside(y, R, strideH, padH, H));
  const horizontal = Array.from({ length: width }, (_, x) => inside(x, S, strideW, padW, W));
  return (pixel) => {
    const place = pixel % (height * width);
    return 1 - (1 - aWork) * vertical[Math.floor(place / width)] * horizontal[place % width];
  };
}

/** Work of a run of pixels. */
export interface PixelWork {
  readonly mean: number;
  /** The same for runs that take equally long. */
  readonly pattern: string;
  /**
   * By how much the row with the most work leads the mean, in blocks of so many turns of pixels, on average over the blocks; in
   * units of what `time` says for a pixel with a share of work.
   */
  lead(turns: number, time: (work: number) => number): number;
}

/** What a step's pixels have to do: pixel p of the run goes to row p mod `gridRows`. */
export function pixelWork(pixels: Range, gridRows: number, workOf: (pixel: number) => number): PixelWork {
  const works = Array.from({ length: lengthOf(pixels) }, (_, index) => workOf(pixels.from + index));
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const mean = meanOf(works);
  const isEven = works.every((work) => work === works[0]);
  return {
    mean,
    pattern: isEven ? String(works[0]) : works.join(),
    lead(turns, time) {
      if (isEven) return 0;
      const times = works.map(time);
      let [leads, blocks] = [0, 0];
      for (let from = 0; from < times.length; from += turns * gridRows, blocks++) {
        const block = times.slice(from, from + turns * gridRows);
        const rows = Array.from({ length: Math.min(gridRows, block.length) }, (_, row) =>
          block.reduce((sum, each, index) => (index % gridRows === row ? sum + each : sum), 0),
        );
        leads += Math.max(0, Math.max(...rows) - Math.ceil(block.length / gridRows) * meanOf(block));
      }
      return leads / blocks;
    },
  };
}
