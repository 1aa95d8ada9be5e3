import { describe, expect, it } from "vitest";
import { nearestName } from "../src/index.js";

const names = ["resnet8", "resnet14", "wrpn", "uniform"];

describe("nearestName", () => {
  it.each([
    ["resent8", "resnet8"],
    ["resnet-8", "resnet8"],
    ["ResNet14", "resnet14"],
    ["wprn", "wrpn"],
    ["unifrom", "uniform"],
    ["wrpn", "wrpn"],
  ])("takes %s for %s", (wanted, expected) => expect(nearestName(wanted, names)).toBe(expected));

  it.each(["", "lsq", "alexnet", "x".repeat(10_000)])("has no idea what %.8s was meant to be", (wanted) =>
    expect(nearestName(wanted, names)).toBeUndefined(),
  );
});
