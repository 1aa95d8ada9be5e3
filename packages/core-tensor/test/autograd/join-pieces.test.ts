import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { add, createEngine, grad, multiply, parameter, slice, sum, type Tensor } from "../../src/index.js";

const engine = await createEngine({ backend: "js" });
afterAll(() => engine.close());

const [ROWS, COLUMNS] = [6, 4];

interface Block {
  readonly begin: readonly [number, number];
  readonly size: readonly [number, number];
}

/** The gradient of Σ_i (i + 1) · Σ blocks[i] of x, and the operations that computed it. */
async function gradientOfBlocks(blocks: readonly Block[]): Promise<{ values: number[]; operations: string[] }> {
  const x = parameter("x", [ROWS, COLUMNS], new Float32Array(ROWS * COLUMNS));
  const step = engine.compile((): Record<string, Tensor> => {
    const parts = blocks.map((block, i) => multiply(sum(slice(x, block)), i + 1));
    return {
      dx: grad(
        parts.reduce((total, part) => add(total, part)),
        [x],
      )[0],
    };
  });
  const { dx } = await step({});
  const operations = step.explain().programs.flatMap(({ calls }) => calls.map(({ op }) => op));
  return { values: [...dx.data], operations };
}

/** Adds i + 1 to each element of block i: whole numbers, so that nothing rounds. */
function countBlocks(blocks: readonly Block[]): number[] {
  const counts = new Array<number>(ROWS * COLUMNS).fill(0);
  blocks.forEach(({ begin, size }, i) => {
    for (let row = begin[0]; row < begin[0] + size[0]; row++) {
      for (let column = begin[1]; column < begin[1] + size[1]; column++) counts[row * COLUMNS + column] += i + 1;
    }
  });
  return counts;
}

const rows = (from: number, to: number): Block => ({ begin: [from, 0], size: [to - from, COLUMNS] });
const columns = (from: number, to: number): Block => ({ begin: [0, from], size: [ROWS, to - from] });

describe("gradients of slices", () => {
  it.each([
    { name: "every row, in order", blocks: [0, 1, 2, 3, 4, 5].map((row) => rows(row, row + 1)) },
    { name: "every row, out of order", blocks: [3, 0, 5, 1, 4, 2].map((row) => rows(row, row + 1)) },
    { name: "groups of columns", blocks: [columns(0, 3), columns(3, 4)] },
  ])("$name: one concat, and no field of zeros for each piece", async ({ blocks }) => {
    const { values, operations } = await gradientOfBlocks(blocks);
    expect(values).toEqual(countBlocks(blocks));
    expect(operations).toContain("concat");
    expect(operations).not.toContain("zeroPad");
  });

  it("puts pieces that lie side by side, but not at the edge, into one field of zeros", async () => {
    const blocks = [rows(1, 2), rows(2, 4), rows(4, 5)];
    const { values, operations } = await gradientOfBlocks(blocks);
    expect(values).toEqual(countBlocks(blocks));
    expect(operations.filter((op) => op === "zeroPad")).toHaveLength(1);
  });

  const block: fc.Arbitrary<Block> = fc
    .tuple(fc.nat(ROWS - 1), fc.nat(COLUMNS - 1))
    .chain(([row, column]) =>
      fc
        .tuple(fc.nat(ROWS - row), fc.nat(COLUMNS - column))
        .map(([height, width]): Block => ({ begin: [row, column], size: [height, width] })),
    );
  const rowsOrColumns = (make: (from: number, to: number) => Block, size: number) =>
    fc.array(
      fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]) => make(Math.min(a, b), Math.max(a, b))),
      { minLength: 1, maxLength: 4 },
    );
  it("adds up any rows, or columns, with gaps, overlaps, empty ones", () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(rowsOrColumns(rows, ROWS), rowsOrColumns(columns, COLUMNS)), async (blocks) => {
        expect((await gradientOfBlocks(blocks)).values).toEqual(countBlocks(blocks));
      }),
      { seed: 1 },
    ));

  it("adds up any blocks: overlapping, apart, empty, the whole", () =>
    fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 5 }), async (blocks) => {
        expect((await gradientOfBlocks(blocks)).values).toEqual(countBlocks(blocks));
      }),
      { seed: 2 },
    ));
});
