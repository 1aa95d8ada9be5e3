import type { Shape } from "../../graph/shape.js";

/**
 * Statements that take the row-major index `index` of an element of `shape` apart into constants with the given names,
 * outermost axis first. Whole numbers below 2²⁴ divide rightly in every mode: a test tries them.
 */
export function takeApart(index: string, shape: Shape, names: readonly string[]): string {
  const statements: string[] = [];
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const name = names[axis];
    if (axis === 0) statements.push(`const ${name} = ${rest};`);
    else if (shape[axis] === 1) statements.push(`const ${name} = 0;`);
    else {
      const above = `${name}Up`;
      statements.push(
        `const ${above} = Math.floor(${rest} / ${shape[axis]});`,
        `const ${name} = ${rest} - ${above} * ${shape[axis]};`,
      );
      rest = above;
    }
  }
  return statements.join("\n");
}

/** Σ name · stride, as text; axes with stride 0 are left out. */
export function dot(names: readonly string[], strides: readonly number[], start = 0): string {
  const terms = names.flatMap((name, axis) => {
    if (strides[axis] === 0) return [];
    return [strides[axis] === 1 ? name : `${name} * ${strides[axis]}`];
  });
  if (start !== 0 || terms.length === 0) terms.push(String(start));
  return terms.join(" + ");
}

/** "a0", "a1", … for the axes of a shape. */
export const axisNames = (shape: Shape): string[] => shape.map((_, axis) => `a${axis}`);
