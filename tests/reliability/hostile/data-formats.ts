import { deflateSync, gzipSync, inflateSync } from "node:zlib";
import { decodeImage, readCifarRecords, readIdx } from "@lowbit/data";
import { gunzip } from "../../../packages/data/src/gunzip.js";
import { chunk, packLines, pngFile } from "../../../packages/data/test/png-file.js";
import { bytesOfOne, type HostileFormat, oneFile, Unsound } from "./hostile-format.js";
import { jpegSeeds } from "./jpeg-seeds.js";
import { mutateBytes } from "./mutate-bytes.js";
import type { Random } from "./random.js";

const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);

function idxFile(shape: readonly number[]): Uint8Array {
  const file = new Uint8Array(4 + 4 * shape.length + product(shape)).map((_, i) => i * 5);
  file.set([0, 0, 8, shape.length]);
  const view = new DataView(file.buffer);
  for (const [axis, size] of shape.entries()) view.setUint32(4 + 4 * axis, size);
  return file;
}

export const idx: HostileFormat = {
  name: "idx",
  seeds: [idxFile([3, 4, 4]), idxFile([1, 28, 28]), gzipSync(idxFile([2, 5, 5])), gzipSync(idxFile([0, 28, 28]))].map(
    oneFile,
  ),
  mutate: (files, random) => {
    const bytes = bytesOfOne(files);
    const isPacked = bytes[0] === 0x1f;
    if (isPacked && random.chance(0.2)) return oneFile(mutateBytes(bytes, random));
    // The content of a gzipped file is spoiled before it is packed, so that it arrives.
    const plain = mutateBytes(isPacked ? idxFile([2, 5, 5]) : bytes, random);
    return oneFile(isPacked ? gzipSync(plain) : plain);
  },
  async open(files) {
    const { shape, data } = await readIdx(bytesOfOne(files), { file: "a.idx", rank: 3 });
    if (product(shape) !== data.length) throw new Unsound("the data are not those of the shape");
  },
};

const text = new Uint8Array(3000).map((_, i) => (i * i) >> 3);

const bomb = gzipSync(new Uint8Array(2 ** 25)); // 32 kB of file, 32 MiB of zeros

export const gzip: HostileFormat = {
  name: "gzip",
  seeds: [gzipSync(text), gzipSync(new Uint8Array(0)), gzipSync(new Uint8Array(2 ** 16))].map(oneFile),
  mutate: (files, random) => {
    if (random.chance(0.02)) return oneFile(bomb);
    return oneFile(mutateBytes(bytesOfOne(files), random));
  },
  async open(files) {
    const bytes = bytesOfOne(files);
    const content = await gunzip(bytes, { file: "a.gz" });
    if (content.length > 4 * bytes.length + 2 ** 24) throw new Unsound("more came out than may");
  },
};

const record = (labels: number[]): Uint8Array => Uint8Array.from([...labels, ...new Array(3072).fill(9)]);

export const cifar: HostileFormat = {
  name: "cifar",
  seeds: [record([3]), Buffer.concat([record([0]), record([9])]), record([1, 99])].map(oneFile),
  mutate: (files, random) => {
    const bytes = bytesOfOne(files);
    // Most changes of length are refused at once: some keep it.
    if (random.chance(0.5)) return oneFile(mutateBytes(bytes, random));
    return oneFile(bytes.slice().fill(random.below(256), 0, 1 + random.below(3)));
  },
  async open(files) {
    for (const [labelBytes, classes] of [
      [1, 10],
      [2, 100],
    ] as const) {
      const bytes = bytesOfOne(files);
      if (bytes.length % (3072 + labelBytes) !== 0 && labelBytes === 1 && bytes.length % 3074 === 0) continue;
      const { count, images, labels } = readCifarRecords(bytes, { file: "a.bin", labelBytes, classes });
      if (images.length !== count * 3072 || labels.some((label) => label < 0 || label >= classes))
        throw new Unsound("labels");
      return;
    }
  },
};

const picture = { width: 5, height: 4, depth: 8 };
const pngs = [
  pngFile({ ...picture, colourType: 0, lines: packLines(new Array(20).fill(7), 5, 8) }),
  pngFile({ ...picture, colourType: 2, depth: 16, lines: packLines(new Array(60).fill(700), 15, 16) }),
  pngFile({ ...picture, colourType: 6, lines: packLines(new Array(80).fill(100), 20, 8) }),
  pngFile({
    ...picture,
    depth: 2,
    colourType: 3,
    lines: packLines(new Array(20).fill(1), 5, 2),
    before: [chunk("PLTE", new Uint8Array(12).fill(50)), chunk("tRNS", Uint8Array.from([255, 30]))],
  }),
  pngFile({
    ...picture,
    colourType: 0,
    depth: 1,
    lines: packLines(new Array(20).fill(1), 5, 1),
    before: [chunk("tEXt", text.subarray(0, 40))],
  }),
];

interface PngChunk {
  type: string;
  content: Uint8Array;
}

function chunksOf(png: Uint8Array): PngChunk[] {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  const chunks: PngChunk[] = [];
  for (let at = 8; at < png.length; ) {
    const length = view.getUint32(at);
    chunks.push({
      type: String.fromCharCode(...png.subarray(at + 4, at + 8)),
      content: png.slice(at + 8, at + 8 + length),
    });
    at += 12 + length;
  }
  return chunks;
}

/** Chunks changed one by one, each with a checksum that is right: what is wrong lies deeper. */
function mutateChunks(png: Uint8Array, random: Random): Uint8Array {
  const chunks = chunksOf(png);
  const changed = random.pick(chunks);
  if (changed.type === "IDAT" && random.chance(0.7)) {
    changed.content = deflateSync(mutateBytes(inflateSync(changed.content), random));
  } else changed.content = mutateBytes(changed.content, random);
  const kind = random.below(8);
  if (kind === 0) chunks.splice(random.below(chunks.length), 1);
  if (kind === 1) chunks.splice(random.below(chunks.length), 0, random.pick(chunks));
  if (kind === 2) changed.type = random.pick(["IHDR", "PLTE", "tRNS", "IDAT", "IEND", "iCCP", "acTL"]);
  return Buffer.concat([png.subarray(0, 8), ...chunks.map(({ type, content }) => chunk(type, content))]);
}

async function openPicture(bytes: Uint8Array): Promise<void> {
  const { width, height, channels, data } = await decodeImage(bytes, { file: "a-picture" });
  if (data.length !== width * height * channels) throw new Unsound("the pixels are not those of the size");
}

export const png: HostileFormat = {
  name: "png",
  seeds: pngs.map(oneFile),
  mutate: (files, random) => {
    const bytes = bytesOfOne(files);
    return oneFile(random.chance(0.3) ? mutateBytes(bytes, random) : mutateChunks(bytes, random));
  },
  open: (files) => openPicture(bytesOfOne(files)),
};

/** Changes inside one segment of a JPEG, so that its tables and frame are met rather than its entropy-coded data alone. */
function mutateSegment(bytes: Uint8Array, random: Random): Uint8Array {
  const starts = [...bytes.keys()].filter((i) => bytes[i] === 0xff && bytes[i + 1] >= 0xc0 && bytes[i + 1] < 0xff);
  const at = random.pick(starts) + 2 + random.below(20);
  return at < bytes.length ? bytes.with(at, random.pick([0, 1, 0x11, 0x22, 0x44, 0xff, random.below(256)])) : bytes;
}

export const jpeg: HostileFormat = {
  name: "jpeg",
  seeds: jpegSeeds().map(oneFile),
  mutate: (files, random) => {
    const bytes = bytesOfOne(files);
    if (random.chance(0.4)) return oneFile(mutateBytes(bytes, random));
    let changed = bytes;
    for (let left = 1 + random.below(3); left > 0; left--) changed = mutateSegment(changed, random);
    return oneFile(changed);
  },
  open: (files) => openPicture(bytesOfOne(files)),
};
