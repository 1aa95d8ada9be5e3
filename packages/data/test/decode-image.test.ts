import { LowbitError } from "@lowbit/core-tensor";
import fc from "fast-check";
import { encode as encodePng } from "fast-png";
import jpeg from "jpeg-js";
import { describe, expect, it } from "vitest";
import { decodeImage, fitImage } from "../src/index.js";
import { chunk, packLines, pngFile } from "./png-file.js";

const CHANNELS = new Map([
  [0, 1],
  [2, 3],
  [4, 2],
  [6, 4],
]);
const decode = (bytes: Uint8Array) => decodeImage(bytes, { file: "a-file" });

describe("decodeImage, PNG", () => {
  const kinds = [
    [0, 1],
    [0, 2],
    [0, 4],
    [0, 8],
    [0, 16],
    [2, 8],
    [2, 16],
    [4, 8],
    [4, 16],
    [6, 8],
    [6, 16],
  ] as const;

  it.each(kinds)("reads colour type %d of %d bits", async (colourType, depth) => {
    const channels = CHANNELS.get(colourType) as number;
    const picture = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }))
      .chain(([width, height]) => {
        const length = width * height * channels;
        return fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          samples: fc.array(fc.nat(2 ** depth - 1), { minLength: length, maxLength: length }),
        });
      });
    await fc.assert(
      fc.asyncProperty(picture, async ({ width, height, samples }) => {
        const file = pngFile({ width, height, depth, colourType, lines: packLines(samples, width * channels, depth) });
        const image = await decode(file);
        const to8 = (sample: number) => (depth === 16 ? Math.floor(sample / 256) : (sample * 255) / (2 ** depth - 1));
        const colours = channels <= 2 ? 1 : 3;
        const expected: number[] = [];
        for (let i = 0; i < width * height; i++) {
          const alpha = colours === channels ? 255 : to8(samples[i * channels + colours]);
          for (let c = 0; c < colours; c++) expected.push(Math.round((to8(samples[i * channels + c]) * alpha) / 255));
        }
        expect({ ...image, data: [...image.data] }).toEqual({ width, height, channels: colours, data: expected });
      }),
      { seed: 61, numRuns: 50 },
    );
  });

  it.each([1, 2, 4, 8])("reads a palette of %d bits, with transparency", async (depth) => {
    const palette = [
      [255, 0, 0],
      [0, 200, 0],
    ];
    const before = [chunk("PLTE", Uint8Array.from(palette.flat())), chunk("tRNS", Uint8Array.from([255, 51]))];
    const indices = [0, 1, 1, 0, 1, 0, 1, 1, 0, 0];
    const image = await decode(
      pngFile({ width: 5, height: 2, depth, colourType: 3, lines: packLines(indices, 5, depth), before }),
    );
    expect([...image.data]).toEqual(indices.flatMap((i) => (i === 0 ? [255, 0, 0] : [0, 40, 0])));
  });

  it("reads the filters and interlacing that another encoder writes", async () => {
    const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * i) % 251);
    const image = await decode(encodePng({ width: 16, height: 16, channels: 3, depth: 8, data }));
    expect(image.data).toEqual(data);
    const interlaced = await decode(
      encodePng({ width: 16, height: 16, channels: 3, depth: 8, data }, { interlace: "Adam7" } as never),
    );
    expect(interlaced.data).toEqual(data);
  });

  const grey = { width: 2, height: 2, depth: 8, colourType: 0, lines: Uint8Array.from([0, 1, 2, 0, 3, 4]) };
  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(0), /neither a PNG nor a JPEG/],
    ["text", new TextEncoder().encode("hello"), /neither a PNG nor a JPEG/],
    ["the signature alone", pngFile(grey).slice(0, 8), /ends too early/],
    ["a file without its end", pngFile(grey).slice(0, -12), /ends too early/],
    ["no pixels", pngFile({ ...grey, width: 0 }), /it has no pixels/],
    ["too many pixels", pngFile({ ...grey, width: 2 ** 31, height: 2 ** 31 }), /more than the 16777216 allowed/],
    ["another size than its data", pngFile({ ...grey, height: 1000 }), /its data are 6 bytes, 3000 were wanted/],
    ["more data than its size", pngFile({ ...grey, height: 1 }), /inflates to more than 3 bytes/],
    ["an unknown colour type", pngFile({ ...grey, colourType: 5 }), /there is no colour type 5/],
    ["an impossible depth", pngFile({ ...grey, colourType: 2, depth: 4 }), /colour type 2 has no 4 bits/],
    [
      "an unknown filter",
      pngFile({ ...grey, lines: Uint8Array.from([9, 1, 2, 0, 3, 4]) }),
      /damaged PNG file: Unsupported filter: 9/,
    ],
    [
      "a wrong checksum",
      pngFile(grey).map((byte, i) => (i === 29 ? byte ^ 1 : byte)),
      /damaged PNG file: CRC mismatch/,
    ],
    ["two headers", pngFile({ ...grey, before: [chunk("IHDR", new Uint8Array(13))] }), /two headers/],
    ["a palette image without a palette", pngFile({ ...grey, colourType: 3 }), /damaged PNG file/],
    [
      "an index beyond the palette",
      pngFile({ ...grey, colourType: 3, before: [chunk("PLTE", new Uint8Array(3))] }),
      /damaged PNG file: Incorrect index/,
    ],
    ["interlacing of few bits", pngFile({ ...grey, depth: 1, interlace: 1 }), /save it without interlacing/],
    ["a bomb", pngFile({ ...grey, lines: new Uint8Array(64 * 2 ** 20) }), /inflates to more than 6 bytes/],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(decode(bytes)).rejects.toThrow(LowbitError);
    await expect(decode(bytes)).rejects.toThrow(message);
  });

  it("passes over chunks that say nothing of pixels, bombs among them", async () => {
    const bomb = chunk("iCCP", new Uint8Array([97, 0, 0, 1, 2, 3]));
    expect([...(await decode(pngFile({ ...grey, before: [bomb, chunk("tEXt", new Uint8Array(3))] }))).data]).toEqual([
      1, 2, 3, 4,
    ]);
  });
});

/** A JPEG whose left half is one colour and whose right half another. */
function jpegFile(width = 32, height = 16): Uint8Array {
  const data = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++)
    data.set(i % width < width / 2 ? [200, 40, 40, 255] : [30, 60, 220, 255], i * 4);
  return new Uint8Array(jpeg.encode({ width, height, data }, 95).data);
}

describe("decodeImage, JPEG", () => {
  it("reads colours within what the format loses", async () => {
    const image = await decode(jpegFile());
    expect([image.width, image.height, image.channels]).toEqual([32, 16, 3]);
    const at = (x: number) => [...image.data.subarray((5 * 32 + x) * 3, (5 * 32 + x) * 3 + 3)];
    for (const [c, value] of [200, 40, 40].entries()) expect(Math.abs(at(4)[c] - value)).toBeLessThan(8);
    for (const [c, value] of [30, 60, 220].entries()) expect(Math.abs(at(28)[c] - value)).toBeLessThan(8);
  });

  const frameAt = (bytes: Uint8Array) => bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc0);
  const withSize = (height: number, width: number) => {
    const bytes = jpegFile();
    new DataView(bytes.buffer).setUint32(frameAt(bytes) + 5, height * 65536 + width);
    return bytes;
  };
  it.each<[string, Uint8Array, RegExp]>([
    ["the first bytes alone", Uint8Array.from([0xff, 0xd8, 0xff]), /it says nowhere how large/],
    ["a file cut short", jpegFile().slice(0, -20), /damaged JPEG file: it ends too early/],
    ["no pixels", withSize(0, 16), /it says nowhere how large/],
    ["more pixels than its bytes can tell", withSize(65535, 65535), /has 65535 x 65535 pixels, more than/],
    ["four components", jpegFile().map((byte, i, all) => (i === frameAt(all) + 9 ? 4 : byte)), /not CMYK/],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(decode(bytes)).rejects.toThrow(
      expect.objectContaining({ code: "LOWBIT_FILE_FORMAT", message: expect.stringMatching(message) }),
    );
  });
});

/** What this process has computed since then: what others compute meanwhile on a busy machine doesn't count. */
function processorMilliseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

describe("mutated pictures", () => {
  const seeds = [
    pngFile({ width: 4, height: 4, depth: 8, colourType: 2, lines: new Uint8Array(4 * 13) }),
    pngFile({
      width: 3,
      height: 3,
      depth: 2,
      colourType: 3,
      lines: new Uint8Array(3 * 2),
      before: [chunk("PLTE", new Uint8Array(12))],
    }),
    encodePng({ width: 9, height: 9, channels: 4, depth: 8, data: new Uint8Array(9 * 9 * 4).fill(77) }),
    jpegFile(16, 16),
    jpegFile(),
  ];
  const mutation = fc.record({
    kind: fc.constantFrom("flip", "set", "cut", "splice"),
    at: fc.nat(),
    value: fc.nat(255),
  });

  it("give a picture or a typed error, each within a second", async () => {
    let slowest = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...seeds),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        async (seed, mutations) => {
          let bytes: Uint8Array = seed.slice();
          for (const { kind, at, value } of mutations) {
            const i = bytes.length === 0 ? 0 : at % bytes.length;
            if (kind === "flip") bytes[i] ^= 1 << (value & 7);
            if (kind === "set") bytes[i] = value;
            if (kind === "cut") bytes = bytes.slice(0, i);
            if (kind === "splice")
              bytes = Uint8Array.from([...bytes.subarray(0, i), ...bytes.subarray(Math.max(0, i - value))]);
          }
          const start = process.cpuUsage();
          try {
            const { width, height, channels, data } = await decode(bytes);
            expect(data.length).toBe(width * height * channels);
          } catch (error) {
            if (!(error instanceof LowbitError)) throw error;
          }
          slowest = Math.max(slowest, processorMilliseconds(start));
        },
      ),
      { seed: 62, numRuns: 2000 },
    );
    expect(slowest).toBeLessThan(1000);
  });
});

describe("fitImage", () => {
  const image = (width: number, height: number, channels: 1 | 3, data: number[]) => ({
    width,
    height,
    channels,
    data: Uint8Array.from(data),
  });

  it.each<[string, ReturnType<typeof image>, [number, number, number], number[]]>([
    ["the same size", image(2, 1, 1, [3, 9]), [1, 1, 2], [3, 9]],
    ["colour to planes", image(2, 1, 3, [1, 2, 3, 4, 5, 6]), [3, 1, 2], [1, 4, 2, 5, 3, 6]],
    ["colour to grey", image(1, 1, 3, [255, 255, 255]), [1, 1, 1], [255]],
    ["grey to colour", image(1, 1, 1, [7]), [3, 1, 1], [7, 7, 7]],
    ["half the size: the mean of four", image(2, 2, 1, [0, 10, 20, 30]), [1, 1, 1], [15]],
    ["twice the size: each repeated", image(2, 1, 1, [10, 20]), [1, 2, 4], [10, 10, 20, 20, 10, 10, 20, 20]],
    ["two thirds: areas", image(3, 3, 1, [0, 30, 60, 0, 30, 60, 0, 30, 60]), [1, 2, 2], [10, 50, 10, 50]],
    ["the middle of a wide one", image(4, 2, 1, [9, 1, 1, 9, 9, 1, 1, 9]), [1, 2, 2], [1, 1, 1, 1]],
  ])("%s", (_, source, shape, expected) => {
    expect([...fitImage(source, shape)]).toEqual(expected);
  });
});
