import { createEngine } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { checkAgreement, relativeDifference } from "../../src/measure/agreement.js";
import { startTensorflow } from "../../src/peers/tensorflow/start-tensorflow.js";
import { checkTraining, smallForm, type TrainWork } from "../../src/suites/train-suite.js";

const resnet8: TrainWork = {
  ...{ model: "resnet8", blocks: 1, inputShape: [1, 28, 28], batch: 64, meetsTensorflow: true, precision: "fp32" },
};

describe("the training step that is timed", () => {
  it.each([
    resnet8,
    { ...resnet8, precision: "w2a2" },
    { ...resnet8, model: "resnet20", blocks: 3, inputShape: [3, 32, 32] as const },
  ])("is the peer's: $model, $precision", async (work) => {
    await startTensorflow("wasm");
    const engine = await createEngine({ threads: 1 });
    await expect(checkTraining(smallForm(work), engine, "small")).resolves.toMatch(/^loss within/);
    await engine.close();
  });
});

describe("relativeDifference", () => {
  it.each([
    { a: [3, 4], b: [3, 4], difference: 0 },
    { a: [3, 5], b: [3, 4], difference: 0.2 },
    { a: [0, 0], b: [0, 0], difference: 0 },
  ])("of $a and $b is $difference", ({ a, b, difference }) => {
    expect(relativeDifference(a, b)).toBeCloseTo(difference, 12);
  });
});

describe("checkAgreement", () => {
  it("refuses to time sides that differ", () => {
    expect(() => checkAgreement("losses", [1.1], [1], 0.01)).toThrow(/losses differ by 1\.0e-1, allowed are 0\.01/);
    expect(() => checkAgreement("gradients", [1], [1, 2], 0.01)).toThrow(/1 values against 2/);
    expect(() => checkAgreement("losses", [Number.NaN], [1], 0.01)).toThrow(/differ/);
  });
});
