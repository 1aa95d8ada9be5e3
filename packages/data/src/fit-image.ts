import type { ImageShape } from "./dataset.js";
import type { DecodedImage } from "./decode-image.js";

/**
 * A picture in the shape that a network takes, [C, H, W]: the middle of it cut to the proportions of H and W, resized by averaging
 * areas, colour turned to grey (0.299 R + 0.587 G + 0.114 B) or grey repeated as the channels ask.
 */
export function fitImage(image: DecodedImage, [C, H, W]: ImageShape): Uint8Array {
  const recoloured = recolour(image, C);
  if (image.width === W && image.height === H) return recoloured;
  const scale = Math.min(image.width / W, image.height / H);
  const [cutWidth, cutHeight] = [W * scale, H * scale];
  const columns = areaWeights((image.width - cutWidth) / 2, cutWidth, W, image.width);
  const rows = areaWeights((image.height - cutHeight) / 2, cutHeight, H, image.height);
  const out = new Uint8Array(C * H * W);
  for (let c = 0; c < C; c++) {
    const plane = recoloured.subarray(c * image.width * image.height, (c + 1) * image.width * image.height);
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        let sum = 0;
        for (const [sourceY, weightY] of rows[y]) {
          for (const [sourceX, weightX] of columns[x])
            sum += weightY * weightX * plane[sourceY * image.width + sourceX];
        }
        out[(c * H + y) * W + x] = Math.round(sum);
      }
    }
  }
  return out;
}

/** [height, width, channels] → [C, height, width] */
function recolour({ width, height, channels, data }: DecodedImage, C: number): Uint8Array {
  const pixels = width * height;
  const out = new Uint8Array(C * pixels);
  for (let i = 0; i < pixels; i++) {
    const grey =
      channels === 1 ? data[i] : Math.round(0.299 * data[i * 3] + 0.587 * data[i * 3 + 1] + 0.114 * data[i * 3 + 2]);
    for (let c = 0; c < C; c++) out[c * pixels + i] = channels === C && C > 1 ? data[i * channels + c] : grey;
  }
  return out;
}

/** For each of `count` equal parts of [start, start + length): the source cells that it covers, with weights that add up to 1. */
function areaWeights(start: number, length: number, count: number, cells: number): [cell: number, weight: number][][] {
  const step = length / count;
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [start + i * step, start + (i + 1) * step];
    const parts: [number, number][] = [];
    for (let cell = Math.max(0, Math.floor(from)); cell < Math.min(cells, Math.ceil(to)); cell++) {
      const covered = Math.min(to, cell + 1) - Math.max(from, cell);
      if (covered > 0) parts.push([cell, covered / step]);
    }
    return parts;
  });
}
