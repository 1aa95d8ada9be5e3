import { expect, it } from "vitest";
import { didYouMean } from "../src/index.js";

const known = ["resnet8", "resnet20", "resnet32", "mlp", "simple-cnn"];

it.each([
  ["resnt8", "resnet8"],
  ["RESNET20", "resnet20"],
  ["resnet02", "resnet20"],
  ["mpl", "mlp"],
  ["simplecnn", "simple-cnn"],
  ["transformer", undefined],
  ["", undefined],
  ["x".repeat(10_000), undefined],
])("%s was meant to be %s", (name, meant) => {
  expect(didYouMean(name, known)).toBe(meant);
});
