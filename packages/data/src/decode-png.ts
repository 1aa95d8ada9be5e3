import { FileFormatError, LowbitError } from "@lowbit/core-tensor";
import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import type { DecodedImage } from "./decode-image.js";
import { inflate } from "./gunzip.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CHUNKS_THAT_MATTER = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]; // the others may be compressed as well, and say nothing of pixels
const CHANNELS: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/** Whether bytes begin as PNG does. */
export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte);

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly isInterlaced: boolean;
}

/**
 * Decodes a PNG file. Before fast-png sees it: the size is checked, chunks that matter not are left out, and its compressed data are
 * inflated once with a cap, so that a small file can't fill the memory.
 */
export async function decodePng(
  bytes: Uint8Array,
  { file, maxPixels }: { readonly file: string; readonly maxPixels: number },
): Promise<DecodedImage> {
  const { header, kept, compressed } = readChunks(bytes, file);
  checkHeader(header, file, maxPixels);
  const expected = countInflatedBytes(header);
  const inflated = await inflate(compressed, "deflate", { file, limit: expected });
  if (inflated.length !== expected)
    throw new FileFormatError(
      `${file} is a damaged PNG file: its data are ${inflated.length} bytes, ${expected} were wanted`,
      { where: file },
    );
  let png: DecodedPng;
  try {
    png = decode(kept, { checkCrc: true });
    return flatten(png, header);
  } catch (cause) {
    if (cause instanceof LowbitError) throw cause;
    throw new FileFormatError(
      `${file} is a damaged PNG file: ${cause instanceof Error ? cause.message : String(cause)}`,
      { where: file, cause },
    );
  }
}

/** Walks the chunks: length u32, type, content, checksum u32. */
function readChunks(bytes: Uint8Array, file: string): { header: PngHeader; kept: Uint8Array; compressed: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kept: Uint8Array[] = [bytes.subarray(0, 8)];
  const compressed: Uint8Array[] = [];
  let header: PngHeader | undefined;
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length)
      throw new FileFormatError(`${file} is a damaged PNG file: it ends too early`, { where: file });
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length)
      throw new FileFormatError(`${file} is a damaged PNG file: a chunk of ${length} bytes does not fit`, {
        where: file,
      });
    if (header === undefined) {
      if (type !== "IHDR" || length !== 13)
        throw new FileFormatError(`${file} is a damaged PNG file: it does not begin with its header`, { where: file });
      header = {
        width: view.getUint32(at + 8),
        height: view.getUint32(at + 12),
        depth: bytes[at + 16],
        colourType: bytes[at + 17],
        isInterlaced: bytes[at + 20] !== 0,
      };
    } else if (type === "IHDR")
      throw new FileFormatError(`${file} is a damaged PNG file: it has two headers`, { where: file });
    if (CHUNKS_THAT_MATTER.includes(type)) kept.push(bytes.subarray(at, end));
    if (type === "IDAT") compressed.push(bytes.subarray(at + 8, at + 8 + length));
    if (type === "IEND") return { header, kept: join(kept), compressed: join(compressed) };
    at = end;
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}

function checkHeader(
  { width, height, depth, colourType, isInterlaced }: PngHeader,
  file: string,
  maxPixels: number,
): void {
  const refuse = (what: string): never => {
    throw new FileFormatError(`${file} ${what}`, { where: file });
  };
  if (!CHANNELS.has(colourType)) refuse(`is a damaged PNG file: there is no colour type ${colourType}`);
  const depths = colourType === 0 ? [1, 2, 4, 8, 16] : colourType === 3 ? [1, 2, 4, 8] : [8, 16];
  if (!depths.includes(depth)) refuse(`is a damaged PNG file: colour type ${colourType} has no ${depth} bits`);
  if (width === 0 || height === 0) refuse("is a damaged PNG file: it has no pixels");
  if (width * height > maxPixels) refuse(`has ${width} x ${height} pixels, more than the ${maxPixels} allowed`);
  if (isInterlaced && depth < 8)
    refuse(`is an interlaced PNG file of ${depth} bits, which lowbit does not read: save it without interlacing`);
}

/** Bytes before compression: each line of each pass has a filter byte and its pixels, in whole bytes. */
function countInflatedBytes({ width, height, depth, colourType, isInterlaced }: PngHeader): number {
  const bitsPerPixel = depth * (CHANNELS.get(colourType) ?? 1);
  const passBytes = (columns: number, rows: number): number =>
    columns > 0 && rows > 0 ? rows * (1 + Math.ceil((columns * bitsPerPixel) / 8)) : 0;
  if (!isInterlaced) return passBytes(width, height);
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ]; // x, y, step x, step y
  return passes.reduce(
    (sum, [x, y, stepX, stepY]) => sum + passBytes(Math.ceil((width - x) / stepX), Math.ceil((height - y) / stepY)),
    0,
  );
}

/** Any kind of PNG to grey or colour of 8 bits; what is transparent is laid on black. */
function flatten(png: DecodedPng, { width, height, depth, colourType }: PngHeader): DecodedImage {
  const pixels = width * height;
  let samples = new Uint8Array(0);
  let channels = CHANNELS.get(colourType) ?? 1;
  if (colourType === 3) {
    const converted = convertIndexedToRgb(png);
    samples = new Uint8Array(converted);
    channels = converted.length / pixels;
  } else samples = toBytes(png.data, width, height, depth, channels);
  if (samples.length !== pixels * channels || channels > 4) throw new RangeError("its palette is damaged"); // 5: transparency twice
  const hasAlpha = channels === 2 || channels === 4;
  const colours = channels <= 2 ? 1 : 3;
  if (!hasAlpha) return { width, height, channels: colours, data: samples };
  const data = new Uint8Array(pixels * colours);
  for (let i = 0; i < pixels; i++) {
    const alpha = samples[i * channels + colours];
    for (let c = 0; c < colours; c++) data[i * colours + c] = Math.round((samples[i * channels + c] * alpha) / 255);
  }
  return { width, height, channels: colours, data };
}

/** Samples of 1, 2, 4, 8 or 16 bits to 8: small ones are stretched over 0 … 255, of large ones the upper byte is kept. */
function toBytes(
  data: ArrayLike<number>,
  width: number,
  height: number,
  depth: number,
  channels: number,
): Uint8Array<ArrayBuffer> {
  const perLine = width * channels;
  if (depth >= 8)
    return Uint8Array.from({ length: perLine * height }, (_, i) => (depth === 16 ? data[i] >> 8 : data[i]));
  const lineBytes = Math.ceil((perLine * depth) / 8);
  const largest = 2 ** depth - 1;
  return Uint8Array.from({ length: perLine * height }, (_, i) => {
    const bit = (i % perLine) * depth;
    const byte = data[Math.floor(i / perLine) * lineBytes + (bit >> 3)];
    return (((byte >> (8 - depth - (bit & 7))) & largest) * 255) / largest;
  });
}
