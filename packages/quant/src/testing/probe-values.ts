import type { CodeRange } from "../define-quantizer.js";

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);

/** The next float32 above (direction 1) or below (−1). */
export function neighbour(value: number, direction: 1 | -1): number {
  float[0] = value;
  if (float[0] === 0) return direction * 2 ** -149;
  word[0] += float[0] > 0 === direction > 0 ? 1 : -1;
  return float[0];
}

const GRID = 200;

/**
 * Where a quantizer is most likely to be wrong: its levels, the ties between them and the edges of its gradient, each with
 * both neighbours; zero, tiny and huge values; and an even grid to a little beyond its range. Rising, float32, each once.
 */
export function probeValues({ min, max }: CodeRange, scale: number, edges: readonly number[]): Float32Array {
  const points = [0, 1e-30, -1e-30, 1e20, -1e20, 1, -1];
  for (const edge of edges) points.push(edge * (1 - 1e-5), edge, edge * (1 + 1e-5));
  for (let code = min - 1; code <= max + 1; code++) points.push(code * scale, (code + 0.5) * scale);
  const reach = Math.max(1, scale * Math.max(Math.abs(min), Math.abs(max)));
  for (let i = -GRID; i <= GRID; i++) points.push((i / GRID) * 1.5 * reach);
  const near = points.flatMap((point) => [neighbour(point, -1), point, neighbour(point, 1)]);
  return Float32Array.from(new Set(Float32Array.from(near).map((value) => value + 0))).sort(); // −0 + 0 is 0
}
