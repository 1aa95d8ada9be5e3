import type { OpDeclaration, OpExample } from "../../src/index.js";

const nastyNumbers = [-1, 0, 1.5, 1e9, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, {}, []];
const nastyShapes: number[][] = [
  [],
  [0],
  [1],
  [0, 3],
  [2, 0, 3, 3],
  [1, 1, 1, 1],
  [5],
  [2, 3],
  [3, 2, 2],
  [2, 2, 2, 2, 2],
  [1, 0],
  [7, 1, 1, 1],
  [2 ** 27, 2 ** 27],
  [2 ** 53, 2 ** 53],
  [2 ** 31],
  [-1],
  [1.5],
];
/** Numbers that float32 holds and arithmetic dislikes. */
export const nastyValues = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  0,
  1e-40,
  3.4e38,
  -3.4e38,
  1,
];

/** The attributes with one number somewhere in them replaced. */
function* spoil(value: unknown): Generator<unknown> {
  if (value === null || typeof value !== "object") {
    if (typeof value === "number") yield* nastyNumbers;
    return;
  }
  for (const key of Object.keys(value)) {
    for (const spoiled of spoil((value as Record<string, unknown>)[key])) {
      const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...value };
      copy[key] = spoiled;
      yield copy;
    }
  }
}

/** An example, every f32 element of its inputs the same number where `fill` is given, drawn from the nasty ones where not. */
export interface NastyCase extends OpExample {
  readonly fill?: number;
}

/** What an operation is given that nobody would give it: the table of goal G10, made from its declaration. */
export function* nastyCases({ examples: [example] }: OpDeclaration): Generator<NastyCase> {
  if (!example) return;
  for (const attributes of [...spoil(example.attributes), undefined, null, 7, {}]) yield { ...example, attributes };
  for (let i = 0; i < example.shapes.length; i++) {
    for (const shape of nastyShapes)
      yield { ...example, shapes: example.shapes.map((each, j) => (i === j ? shape : each)) };
    for (const dtype of ["f32", "i32", "u8", "bool", "p1", "p3", "p8"] as const) {
      const dtypes = example.shapes.map((_, j) => (i === j ? dtype : (example.dtypes?.[j] ?? "f32")));
      yield { ...example, dtypes };
    }
  }
  for (const fill of nastyValues) yield { ...example, fill };
  yield { ...example, shapes: example.shapes.map((shape) => shape.map(() => 0)) };
  yield { ...example, shapes: example.shapes.map((shape) => shape.map(() => 1)) };
  yield example;
}
