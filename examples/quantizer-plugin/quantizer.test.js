import assert from "node:assert/strict";
import { test } from "node:test";
import { checkQuantizer, gradientAt, levelsOf, quantizeToCodes } from "@lowbit/quant/testing";
import { plugin } from "./index.js";
import { sigma } from "./quantizer.js";

const widths = [2, 3, 4, 8];

test("sigma keeps the contract of quantizers", async () => {
  const optionSets = [...widths.map((bits) => ({ bits })), { bits: 4, spread: 3 }];
  assert.deepEqual(await checkQuantizer(sigma, optionSets), []);
});

// The formula again, on plain numbers: it shares no code with the quantizer.
test("sigma gives the codes and levels of its formula", async () => {
  const weights = Array.from({ length: 101 }, (_, i) => Math.sin(i * i) * (1 + (i % 5)));
  const size = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
  for (const bits of widths) {
    const n = 2 ** (bits - 1) - 1;
    const step = (2 * size) / n;
    const wanted = weights.map((w) => Math.max(-n, Math.min(n, Math.round(w / step))) + 0);
    assert.deepEqual([...(await quantizeToCodes(sigma, { bits }, weights))], wanted);
    const levels = await levelsOf(sigma, { bits }, weights);
    levels.forEach((level, i) => assert.ok(Math.abs(level - wanted[i] * step) < 1e-5));
  }
});

test("sigma has gradient 1 inside its range and 0 outside", async () => {
  for (const [w, slope] of [
    [-3.6, 0],
    [-3.4, 1],
    [0, 1],
    [3.4, 1],
    [3.6, 0],
  ]) {
    assert.equal(await gradientAt(sigma, { bits: 3 }, w, { scale: 1 }), slope);
  }
});

test("the plugin offers it under its name", () => {
  assert.deepEqual(
    plugin.schemes.map((scheme) => scheme.name),
    ["sigma"],
  );
  assert.equal(plugin.schemes[0].choose("weight", { bits: 4, signed: true }).quantizer, sigma);
});
