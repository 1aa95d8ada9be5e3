import { operations } from "@lowbit/core-tensor";
import { expect, it } from "vitest";
import { nastyCases } from "../../packages/core-tensor/test/ops/nasty-cases.js";
import { checkFigures } from "./figures.js";

// Goal G10 is tested where operations are, in packages/core-tensor/test/ops/nasty-inputs.test.ts; here its table is counted.
it("has the figures of reliability.json", () => {
  const counts = [...operations.values()].map((op) => [...nastyCases(op)].length);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(40);
  const tried = {
    operations: counts.length,
    cases: counts.reduce((sum, count) => sum + count, 0),
    fewestCases: Math.min(...counts),
  };
  checkFigures("G10", { tried, violations: {} });
});
