import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createStream,
  fillNormal,
  fillUniform,
  fillWords,
  normal,
  permutation,
  portableCosSinOfTurns,
  portableLog,
  skip,
  uniform,
} from "../../src/random/index.js";

describe("random streams", () => {
  it("goes on from the saved state with the same numbers", () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.string(), (first, second, name) => {
        const before = new Float32Array(first);
        const after = new Float32Array(second);
        const saved = JSON.parse(JSON.stringify(fillNormal(before, createStream(7, name))));
        fillNormal(after, saved);
        const whole = normal(Math.ceil(first / 4) * 4 + second, createStream(7, name));
        expect(before).toEqual(whole.slice(0, first));
        expect(after).toEqual(whole.slice(Math.ceil(first / 4) * 4));
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it.each([0, 1, 3, 4, 5, 1023, 1024, 1025, 5000])("has no seam at a length of %d", (length) => {
    const words = new Uint32Array(length);
    const end = fillWords(words, createStream(3, "a"));
    expect(end.position).toBe(Math.ceil(length / 4));
    const floats = uniform(length, createStream(3, "a"));
    expect(floats).toEqual(Float32Array.from(words, (word) => (word >>> 8) / 2 ** 24));
  });

  it("crosses 2^32 blocks without repeating", () => {
    const stream = createStream(3, "a", 2 ** 32 - 1);
    const words = new Uint32Array(8);
    fillWords(words, stream);
    const next = new Uint32Array(4);
    fillWords(next, skip(stream, 1));
    expect(next).toEqual(words.slice(4));
    const start = new Uint32Array(4);
    fillWords(start, createStream(3, "a", 0));
    expect(next).not.toEqual(start);
  });

  it("separates seeds and names", () => {
    const names = [
      "",
      "a",
      "b",
      "ab",
      "\0",
      "a\0",
      "epoch/1",
      "epoch/2",
      "a name that is longer than sixteen bytes",
      "ä",
    ];
    const seen = new Set<string>();
    for (const seed of [0, 1, 2 ** 32, 2 ** 53 - 1])
      for (const name of names) seen.add(uniform(4, createStream(seed, name)).join());
    expect(seen.size).toBe(4 * names.length);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses the seed %d", (seed) => {
    expect(() => createStream(seed, "a")).toThrow(/seed .* is not a whole number from 0 to 2\^53 - 1/);
  });

  it("is uniform, in [0, 1) and in a range", () => {
    const numbers = uniform(100_000, createStream(1, "u"));
    const bins = new Array(20).fill(0);
    for (const u of numbers) bins[Math.floor(u * 20)]++;
    const chiSquare = bins.reduce((sum, n) => sum + (n - 5000) ** 2 / 5000, 0);
    expect(chiSquare).toBeLessThan(43.8); // 19 degrees of freedom, p = 0.001; the seed is fixed
    const ranged = new Float32Array(1000);
    fillUniform(ranged, createStream(1, "u"), { low: -0.5, high: 0.25 });
    expect(Math.min(...ranged)).toBeGreaterThanOrEqual(-0.5);
    expect(Math.max(...ranged)).toBeLessThanOrEqual(0.25);
  });

  it("is normal: moments, tails and the Kolmogorov-Smirnov distance", () => {
    const sorted = normal(100_000, createStream(1, "n")).sort();
    const mean = sorted.reduce((sum, z) => sum + z, 0) / sorted.length;
    const variance = sorted.reduce((sum, z) => sum + (z - mean) ** 2, 0) / sorted.length;
    const kurtosis = sorted.reduce((sum, z) => sum + (z - mean) ** 4, 0) / sorted.length / variance ** 2;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1)).toBeLessThan(0.015);
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.06);
    let cumulative = 0; // the normal distribution function by adding up small steps of its density
    let z = -8;
    let distance = 0;
    sorted.forEach((value, i) => {
      while (z < value) {
        cumulative += 1e-4 * Math.exp(-((z + 5e-5) ** 2) / 2) * 0.3989422804014327;
        z += 1e-4;
      }
      distance = Math.max(distance, Math.abs(cumulative - i / sorted.length));
    });
    expect(distance).toBeLessThan(1.95 / Math.sqrt(sorted.length)); // p = 0.001
  });

  it("gives these bits on every engine", () => {
    const bytes = new Uint8Array(normal(4096, createStream(1, "golden")).buffer);
    let checksum = 0;
    for (const byte of bytes) checksum = (Math.imul(checksum, 31) + byte) >>> 0;
    expect(checksum).toBe(2340443405);
  });
});

describe("permutation", () => {
  it("holds each number once", () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(), (length, seed) => {
        expect(permutation(length, createStream(seed, "p")).sort()).toEqual(Uint32Array.from({ length }, (_, i) => i));
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it("makes all 24 orders of 4 equally often", () => {
    const counts = new Map<string, number>();
    for (let trial = 0; trial < 24_000; trial++) {
      const order = permutation(4, createStream(trial, "p")).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(49.7); // 23 degrees of freedom, p = 0.001
  });
});

describe("portable functions", () => {
  it("has logarithms within one unit in the last place of the engine's", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
        expect(Math.abs(portableLog(x) - Math.log(x))).toBeLessThanOrEqual(
          2.3e-16 * Math.max(Math.abs(Math.log(x)), 1e-16),
        );
      }),
      { seed: 4, numRuns: 1000 },
    );
    for (const x of [1, 0.5, 2, 2 ** -32, 1 - 2 ** -32, Math.SQRT1_2, Math.SQRT2])
      expect(portableLog(x)).toBeCloseTo(Math.log(x), 15);
  });

  it("has cosines and sines of turns within 2.5e-16", () => {
    for (let i = 0; i <= 1000; i++) {
      const turns = i / 1000;
      const [cos, sin] = portableCosSinOfTurns(turns);
      // The engine rounds 2π · turns first; its error is up to 2π · 2⁻⁵³ more
      expect(Math.abs(cos - Math.cos(2 * Math.PI * turns))).toBeLessThan(9e-16);
      expect(Math.abs(sin - Math.sin(2 * Math.PI * turns))).toBeLessThan(9e-16);
    }
    expect(portableCosSinOfTurns(0.25)).toEqual([-0, 1]);
  });
});
