import { ArgumentError, ShapeError } from "./errors.js";

/** Sizes of the axes, outermost first; [] is a scalar. */
export type Shape = readonly number[];

/** Elements of one tensor at most: products beyond this would not be exact array lengths any more. */
const MAX_ELEMENTS = 2 ** 32;

export function elementsOf(shape: Shape): number {
  let elements = 1;
  for (const size of shape) elements *= size;
  return elements;
}

/** Whole numbers ≥ 0 whose product can be allocated; throws otherwise. */
export function checkShape(op: string, shape: Shape): Shape {
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError({ op, want: "whole numbers ≥ 0 for every axis", got: { shape: [...shape] } });
    }
  }
  let elements = 1;
  for (const size of shape) elements *= Math.max(size, 1); // an axis of 0 must not hide an absurd one
  if (elements > MAX_ELEMENTS) {
    throw new ShapeError({ op, want: `at most ${MAX_ELEMENTS} elements`, got: { shape: [...shape] } });
  }
  return shape;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The shape that all operands broadcast to: axes align at the right, size 1 stretches. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      if (shape[i] === out[axis] || shape[i] === 1) continue;
      if (out[axis] !== 1) {
        throw new ShapeError({
          op,
          want: "shapes that are equal or 1 in every axis, aligned at the right",
          got: Object.fromEntries(shapes.map((each, index) => ["abcdefgh"[index] ?? `input ${index}`, [...each]])),
        });
      }
      out[axis] = shape[i];
    }
  }
  return out;
}

/** A whole axis in 0 … rank − 1; negative counts from the end. */
export function normaliseAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ArgumentError(`${op} has no axis ${axis}`, {
      op,
      want: `an axis from ${-rank} to ${rank - 1}`,
      got: axis,
    });
  }
  return axis < 0 ? axis + rank : axis;
}

/** Distinct normalised axes in rising order; all of them when none are named. */
export function normaliseAxes(op: string, axes: readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const normalised = axes.map((axis) => normaliseAxis(op, axis, rank)).sort((a, b) => a - b);
  if (new Set(normalised).size !== normalised.length) {
    throw new ArgumentError(`${op} names an axis twice`, { op, want: "every axis once", got: axes });
  }
  return normalised;
}

/** Elements between neighbours along each axis, row-major. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}
