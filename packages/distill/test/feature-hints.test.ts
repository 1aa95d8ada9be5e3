import {
  concat,
  createEngine,
  grad,
  inLayer,
  mean,
  multiply,
  parameter,
  relu,
  square,
  type Tensor,
} from "@lowbit/core-tensor";
import { createModel, type Model } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { type FeatureHint, prepareHints } from "../src/index.js";

type Maps = readonly (readonly (readonly number[])[])[]; // [N][C][H · W]

const [N, H, W] = [2, 2, 3];
const pixels = Array.from({ length: N * 2 * H * W }, (_, i) => Math.fround(Math.sin(i * 1.7) + 0.2));
const images: Maps = Array.from({ length: N }, (_, n) =>
  Array.from({ length: 2 }, (_, c) => pixels.slice((n * 2 + c) * H * W, (n * 2 + c + 1) * H * W)),
);

/** A network of one layer, "body.maps": what `build` makes of the images. Logits are the means of its maps. */
function networkOf(build: (x: Tensor) => Tensor): Pick<Model, "forward"> & { inputShape: readonly number[] } {
  const body = (x: Tensor) => inLayer("body.maps", () => build(x));
  return { inputShape: [2, H, W], forward: (x) => mean(body(x), { axes: [2, 3] }) };
}

const scale = (name: string, value: number) => parameter(name, [], Float32Array.of(value));
const [p, q] = [scale("p", 0.75), scale("q", 1.5)];
const student = networkOf((x) => relu(multiply(x, p.tensor))) as Model;
const teacher = networkOf((x) => multiply(concat([square(x), x], { axis: 1 }), q.tensor));

const studentMaps = (by: number): Maps =>
  images.map((channels) => channels.map((values) => values.map((value) => Math.max(0, value * by))));
const teacherMaps = (by: number): Maps =>
  images.map((channels) => [
    ...channels.map((values) => values.map((value) => by * value * value)),
    ...channels.map((values) => values.map((value) => by * value)),
  ]);

/** Straight from eq. 2 of arXiv 1612.03928, in float64. */
function attentionDistance(own: Maps, taught: Maps): number {
  const attention = (channels: Maps[number]): number[] => {
    const strength = channels[0].map((_, at) => channels.reduce((sum, values) => sum + values[at] ** 2, 0));
    const length = Math.hypot(...strength);
    return strength.map((value) => value / length);
  };
  const squares = own.flatMap((channels, n) => {
    const [a, b] = [attention(channels), attention(taught[n])];
    return a.map((value, at) => (value - b[at]) ** 2);
  });
  return squares.reduce((sum, value) => sum + value, 0) / squares.length;
}

/** Straight from eq. 3 of arXiv 1412.6550, averaged; weight [M][C]. */
function fitnetsDistance(own: Maps, taught: Maps, weight: readonly (readonly number[])[]): number {
  const halves = taught.flatMap((channels, n) =>
    channels.flatMap((values, m) =>
      values.map((value, at) => {
        const guess = own[n].reduce((sum, each, c) => sum + weight[m][c] * each[at], 0);
        return 0.5 * (guess - value) ** 2;
      }),
    ),
  );
  return halves.reduce((sum, value) => sum + value, 0) / halves.length;
}

async function measure(form: FeatureHint["form"], weight: number) {
  const engine = await createEngine({ backend: "js", float: "f64" });
  const hint = { form, student: "body", teacher: "body.maps", weight };
  const hints = prepareHints([hint], { student, teacher: (x) => teacher.forward(x, { training: false }), seed: 3 });
  const step = engine.compile(({ x }): Record<string, Tensor> => {
    const term = hints.term(student.forward(x, { training: true }), teacher.forward(x, { training: false }));
    const [dp, dq] = grad(term, [p, q]);
    return { term, dp, dq };
  });
  const found = await step({ x: { dtype: "f32", shape: [N, 2, H, W], data: Float32Array.from(pixels) } });
  await engine.close();
  return { term: found.term.data[0], dp: found.dp.data[0], dq: found.dq.data[0], variables: hints.variables };
}

describe("hints from inner layers", () => {
  it.each(["attention", "fitnets"] as const)("by %s follow their formula, and so do their gradients", async (form) => {
    const { term, dp, dq, variables } = await measure(form, 2);
    const [kernel] = variables;
    const weight = Array.from({ length: 4 }, (_, m) => [...(kernel?.initial.subarray(m * 2, m * 2 + 2) ?? [])]);
    const formula = (by: number): number =>
      2 *
      (form === "attention"
        ? attentionDistance(studentMaps(by), teacherMaps(1.5))
        : fitnetsDistance(studentMaps(by), teacherMaps(1.5), weight));
    expect(term).toBeCloseTo(formula(0.75), 9);
    const h = 1e-5;
    expect(dp).toBeCloseTo((formula(0.75 + h) - formula(0.75 - h)) / (2 * h), 6);
    expect(dq).toBe(0); // the teacher takes nothing from it
    expect(variables.map(({ shape }) => shape)).toEqual(form === "attention" ? [] : [[4, 2, 1, 1], [4]]);
  });

  const resnet = createModel("resnet8", { inputShape: [1, 8, 8], classes: 3, width: 0.25 });
  const between = (hint: Partial<FeatureHint>) => () =>
    prepareHints([{ form: "attention", student: "stage1.block0", teacher: "stage1.block0", ...hint }], {
      student: resnet,
      teacher: (x) => resnet.forward(x, { training: false }),
    });
  it.each([
    [{ student: "stage1.blok0" }, /the student has no layer "stage1.blok0"[\s\S]*did you mean "stage1.block0/],
    [{ teacher: "stage9" }, /the teacher has no layer "stage9"/],
    [{ teacher: "stage2.block0" }, /can't compare[\s\S]*the same height and width/],
    [{ student: "classifier" }, /can't compare/],
    [{ weight: 0 }, /weight 0/],
  ])("refuse %j", (hint, message) => {
    expect(between(hint)).toThrow(message);
  });
});
