import { ArgumentError, ShapeError } from "../graph/errors.js";
import type { Shape } from "../graph/shape.js";

export interface WindowOptions {
  /** One number for both axes, or [height, width]. 1 where absent. */
  readonly stride?: number | readonly [number, number];
  /** One number for all sides, [height, width], or [top, bottom, left, right]. 0 where absent. */
  readonly padding?: number | readonly [number, number] | readonly [number, number, number, number];
  readonly dilation?: number | readonly [number, number];
}

/** What a window does, complete: [height, width] everywhere, padding as [top, bottom, left, right]. */
export interface Window {
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
}

function whole(op: string, field: string, value: unknown, least: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) < 2 ** 24) return value as number;
  throw new ArgumentError(`${op} can't work with ${field} ${value}`, {
    op,
    want: `a whole number from ${least}`,
    got: value,
  });
}

function pair(op: string, field: string, value: unknown, least: number): [number, number] {
  const [height, width] = Array.isArray(value) ? value : [value, value];
  if (Array.isArray(value) && value.length !== 2) {
    throw new ArgumentError(`${op} wants ${field} as one number or [height, width]`, { op, got: value });
  }
  return [whole(op, field, height, least), whole(op, field, width, least)];
}

export function completeWindow(op: string, options: WindowOptions = {}): Window {
  const { stride = 1, padding = 0, dilation = 1 } = options;
  const sides = Array.isArray(padding) && padding.length === 4 ? padding : undefined;
  const [height, width] = sides ? [0, 0] : pair(op, "padding", padding, 0);
  return {
    stride: pair(op, "stride", stride, 1),
    padding: sides
      ? (sides.map((side) => whole(op, "padding", side, 0)) as unknown as [number, number, number, number])
      : [height, height, width, width],
    dilation: pair(op, "dilation", dilation, 1),
  };
}

/** [Ho, Wo] of windows of R × S over H × W; throws where not even one fits. */
export function windowOutput(
  op: string,
  [H, W]: Shape,
  [R, S]: Shape,
  { stride, padding, dilation }: Window,
): [number, number] {
  const along = (size: number, taps: number, before: number, after: number, step: number, spread: number) =>
    Math.floor((size + before + after - (spread * (taps - 1) + 1)) / step) + 1;
  const Ho = along(H, R, padding[0], padding[1], stride[0], dilation[0]);
  const Wo = along(W, S, padding[2], padding[3], stride[1], dilation[1]);
  if (R < 1 || S < 1 || Ho < 1 || Wo < 1) {
    throw new ShapeError({
      op,
      want: "a window of at least 1 × 1 that fits into the padded input",
      got: { input: [H, W], window: [R, S] },
    });
  }
  return [Ho, Wo];
}

/** The range of outputs o for which the tap at `shift` = r · dilation − before reads inside 0 … size − 1. */
export function insideRange(size: number, outputs: number, step: number, shift: number): [number, number] {
  const first = Math.max(0, Math.ceil(-shift / step));
  const last = Math.min(outputs - 1, Math.floor((size - 1 - shift) / step));
  return [first, last + 1];
}
