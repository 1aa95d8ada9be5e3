import { createStream, normal } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { dorefaWeight } from "../../src/index.js";
import { gradientAt, testQuantizer } from "../../src/testing/index.js";
import { quantizeTensor, tensor } from "../quantize-tensor.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];

describe("dorefa-weight", () => {
  testQuantizer(dorefaWeight, { optionSets: widths.map((bits) => ({ bits })) });

  it.each(widths.slice(1))(
    "has every code at %d bits: 2^k odd numbers, each met in its own cell of tanh",
    async (bits) => {
      const levels = 2 ** bits;
      // The middles of the cells of (tanh(w) / max + 1) / 2, cut where n · unit is a half; both ends are cells of their own.
      const units = Array.from({ length: levels }, (_, code) => code / (levels - 1));
      const most = 0.8;
      const ws = units.map((unit) => Math.atanh((2 * unit - 1) * most));
      const { codes } = await quantizeTensor(dorefaWeight, { bits }, tensor([1, levels], ws));
      expect(codes).toEqual(units.map((_, code) => 2 * code - (levels - 1)));
    },
  );

  it.each(widths)("agrees with the published formula in float64 at %d bits", async (bits) => {
    const ws = normal(500, createStream(bits, "weights"));
    const { levels } = await quantizeTensor(dorefaWeight, { bits }, tensor([5, 100], ws));
    const largest = Math.max(...Array.from(ws, (w) => Math.abs(Math.tanh(w))));
    const mean = ws.reduce((sum, w) => sum + Math.abs(w), 0) / ws.length;
    const n = 2 ** bits - 1;
    let apart = 0;
    ws.forEach((w, i) => {
      const unit = (Math.tanh(w) / (2 * largest) + 0.5) * n;
      const wanted = bits === 1 ? Math.sign(w) * mean : (2 * Math.round(unit)) / n - 1;
      const isTie = bits > 1 && Math.abs((unit % 1) - 0.5) < 1e-4;
      if (isTie) apart++;
      else expect(levels[i]).toBeCloseTo(wanted, 5);
    });
    expect(apart).toBeLessThan(10);
  });

  it.each(widths)("takes 0 for positive at %d bits", async (bits) => {
    const { codes } = await quantizeTensor(dorefaWeight, { bits }, tensor([1, 3], [0, 1, -1]));
    expect(codes).toEqual([1, 2 ** bits - 1, 1 - 2 ** bits]);
  });

  it("has the gradient of tanh over its largest, by finite differences", async () => {
    const ws = [0.3, -1.2, 0.05, 2, -0.7];
    const dy = [1, -0.5, 2, 0.25, -3];
    const { dx } = await quantizeTensor(dorefaWeight, { bits: 3 }, tensor([1, 5], ws), dy);
    const largest = Math.tanh(2);
    ws.forEach((w, i) => {
      const carrier = (x: number) => Math.tanh(x) / largest;
      expect(dx[i]).toBeCloseTo((dy[i] * (carrier(w + 1e-5) - carrier(w - 1e-5))) / 2e-5, 4);
    });
    expect(await gradientAt(dorefaWeight, { bits: 1 }, 7, { scale: 0.4 })).toBe(1);
  });
});
