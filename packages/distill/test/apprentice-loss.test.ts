import { constantOf, createEngine, type Engine, grad, parameter, type Tensor } from "@lowbit/core-tensor";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApprenticeLossOptions, apprenticeLoss } from "../src/index.js";

let engine: Engine; // float64: no rounding of its own hides a wrong formula
beforeAll(async () => {
  engine = await createEngine({ backend: "js", float: "f64" });
});
afterAll(() => engine.close());

interface Case {
  readonly teacher: readonly (readonly number[])[];
  readonly student: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Straight from the definitions, by whole probabilities: no log-sum-exp, no shared step with the code. */
function oracle({ teacher, student, labels }: Case, options: Required<ApprenticeLossOptions>) {
  const { alpha, beta, gamma, temperature: tau, form } = options;
  const probabilities = (row: readonly number[], t: number): number[] => {
    const weights = row.map((z) => Math.exp(z / t));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  const labelled = (rows: Case["teacher"]) => mean(rows.map((row, n) => -Math.log(probabilities(row, 1)[labels[n]])));
  const third = student.map((row, n) => {
    if (form === "mse") return mean(row.map((z, k) => (teacher[n][k] - z) ** 2));
    const [p, q] = [probabilities(teacher[n], tau), probabilities(row, tau)];
    const each = p.map((pk, k) => pk * (form === "kl" ? Math.log(pk / q[k]) : -Math.log(q[k])));
    return tau * tau * each.reduce((sum, value) => sum + value, 0);
  });
  const terms = { teacher: labelled(teacher), apprentice: labelled(student), distillation: mean(third) };
  return { loss: alpha * terms.teacher + beta * terms.apprentice + gamma * terms.distillation, terms };
}

async function build({ teacher, student, labels }: Case, options: ApprenticeLossOptions) {
  const shape = [labels.length, teacher[0].length];
  const teacherLogits = parameter("teacher", shape, Float32Array.from(teacher.flat()));
  const studentLogits = parameter("student", shape, Float32Array.from(student.flat()));
  const step = engine.compile((): Record<string, Tensor> => {
    const y = constantOf({ dtype: "i32", shape: [labels.length], data: Int32Array.from(labels) });
    const inputs = { teacherLogits: teacherLogits.tensor, studentLogits: studentLogits.tensor, labels: y };
    const { loss, terms } = apprenticeLoss(inputs, options);
    const [dTeacher, dStudent] = grad(loss, [teacherLogits, studentLogits]);
    return { loss, ...terms, dTeacher, dStudent };
  });
  const found = await step({});
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Array.from(data)]));
}

const example: Case = {
  teacher: [
    [2, -1, 0.5],
    [0, 3, -2],
  ],
  student: [
    [1, 0.5, -0.5],
    [-1, 1.5, 2],
  ],
  labels: [0, 2],
};

// Worked out beforehand, with fifty digits of Python's decimal.
const GOLDEN_TEACHER = 2.6481482660171523;
const GOLDEN_APPRENTICE = 0.5543637538395059;

describe("the apprentice's loss", () => {
  it.each([
    ["cross-entropy", 1, 1.002919596687425],
    ["cross-entropy", 4, 17.75580745067579],
    ["kl", 1, 0.5780058995661119],
    ["kl", 4, 1.5714922848921073],
    ["mse", 1, 3.9166666666666665],
  ] as const)("by %s at temperature %d has the golden value", async (form, temperature, golden) => {
    const { loss, teacher, apprentice, distillation } = await build(example, { form, temperature });
    expect(teacher[0]).toBeCloseTo(GOLDEN_TEACHER, 12);
    expect(apprentice[0]).toBeCloseTo(GOLDEN_APPRENTICE, 12);
    expect(distillation[0]).toBeCloseTo(golden, 12);
    expect(loss[0]).toBeCloseTo(GOLDEN_TEACHER + 0.5 * GOLDEN_APPRENTICE + 0.5 * golden, 12);
  });

  it("and its gradients follow the formula, whatever the numbers", () => {
    const rows = fc.array(
      fc.array(
        fc.integer({ min: -48, max: 48 }).map((i) => i / 16),
        { minLength: 3, maxLength: 3 },
      ),
      {
        minLength: 2,
        maxLength: 2,
      },
    );
    const weight = fc.integer({ min: 1, max: 8 }).map((i) => i / 4);
    return fc.assert(
      fc.asyncProperty(
        fc.record({ teacher: rows, student: rows, labels: fc.array(fc.nat(2), { minLength: 2, maxLength: 2 }) }),
        fc.record({
          ...{ alpha: weight, beta: weight, gamma: weight },
          temperature: fc.integer({ min: 1, max: 12 }).map((i) => i / 2),
          form: fc.constantFrom("cross-entropy", "kl", "mse"),
        }),
        async (given, options) => {
          const { loss, dTeacher, dStudent } = await build(given, options);
          expect(loss[0]).toBeCloseTo(oracle(given, options).loss, 9);
          const h = 1e-5;
          const slope = (
            side: "teacher" | "student",
            i: number,
            what: (found: ReturnType<typeof oracle>) => number,
          ) => {
            const moved = (by: number): Case => ({
              ...given,
              [side]: given[side].map((row, n) => row.map((z, k) => (n * 3 + k === i ? z + by : z))),
            });
            return (what(oracle(moved(h), options)) - what(oracle(moved(-h), options))) / (2 * h);
          };
          for (let i = 0; i < 6; i++) {
            expect(dStudent[i]).toBeCloseTo(
              slope("student", i, (found) => found.loss),
              6,
            );
            // The third term takes the teacher's word as it is.
            expect(dTeacher[i]).toBeCloseTo(
              slope("teacher", i, (found) => options.alpha * found.terms.teacher),
              6,
            );
          }
        },
      ),
      { seed: 1, numRuns: 25 },
    );
  });

  it.each([
    [{ temperature: 0 }, /temperature 0/],
    [{ gamma: -1 }, /gamma -1/],
    [{ beta: 0, gamma: 0 }, /beta 0/],
    [{ form: "hinge" as never }, /form hinge/],
  ])("refuses %j", async (options, message) => {
    await expect(build(example, options)).rejects.toThrow(message);
  });

  it("refuses a teacher of other classes", async () => {
    await expect(
      engine.compile(() => {
        const logits = (classes: number) => parameter("z", [2, classes], new Float32Array(2 * classes)).tensor;
        const labels = constantOf({ dtype: "i32", shape: [2], data: new Int32Array(2) });
        return { loss: apprenticeLoss({ teacherLogits: logits(4), studentLogits: logits(3), labels }).loss };
      })({}),
    ).rejects.toThrow(/apprenticeLoss can't take/);
  });
});
