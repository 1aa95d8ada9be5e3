import { FileFormatError } from "@lowbit/core-tensor";
import jpeg from "jpeg-js";
import { decodePng, isPng } from "./decode-png.js";

/** Pixels of a picture. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red, green and blue. Transparent pixels were laid on black. */
  readonly channels: 1 | 3;
  /** [height, width, channels], 0 … 255 */
  readonly data: Uint8Array;
}

export interface DecodeImageOptions {
  /** Name of the file, for errors. */
  readonly file?: string;
  /** The most pixels: 2²⁴ by default. */
  readonly maxPixels?: number;
}

const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8;

/**
 * Decodes a PNG or JPEG file, told apart by how it begins. Its size is checked before anything is decoded. A JPEG's EXIF orientation
 * is not applied.
 *
 * @throws {FileFormatError} when it is neither, damaged, or has more pixels than allowed
 */
export async function decodeImage(
  bytes: Uint8Array,
  { file = "image", maxPixels = 2 ** 24 }: DecodeImageOptions = {},
): Promise<DecodedImage> {
  if (isPng(bytes)) return decodePng(bytes, { file, maxPixels });
  if (isJpeg(bytes)) return decodeJpeg(bytes, { file, maxPixels });
  throw new FileFormatError(`${file} is neither a PNG nor a JPEG file`, { where: file });
}

function decodeJpeg(bytes: Uint8Array, { file, maxPixels }: Required<DecodeImageOptions>): DecodedImage {
  const { width, height, components, end } = readJpegFrame(bytes, file);
  if (!hasMarker(bytes, END_OF_IMAGE, end))
    // jpeg-js would fill up what is missing
    throw new FileFormatError(`${file} is a damaged JPEG file: it ends too early`, { where: file });
  const pixels = width * height;
  // The thinnest JPEG spends 12 bits on 256 pixels: a file that claims more is lying, and would cost time for nothing.
  const limit = Math.min(maxPixels, 2 ** 20 + 256 * bytes.length);
  if (pixels > limit)
    throw new FileFormatError(
      `${file} has ${width} x ${height} pixels, more than the ${limit} that are allowed for it`,
      { where: file },
    );
  let rgb: Uint8Array;
  try {
    rgb = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: Math.max(1, Math.ceil(limit / 1e6)),
      maxMemoryUsageInMB: 64 + Math.ceil((pixels * 24) / 2 ** 20),
    }).data;
  } catch (cause) {
    throw new FileFormatError(
      `${file} is a damaged JPEG file: ${cause instanceof Error ? cause.message : String(cause)}`,
      { where: file, cause },
    );
  }
  if (rgb.length !== pixels * 3)
    throw new FileFormatError(`${file} is a damaged JPEG file: its frame and its data differ`, { where: file });
  if (components !== 1) return { width, height, channels: 3, data: new Uint8Array(rgb) };
  return { width, height, channels: 1, data: Uint8Array.from({ length: pixels }, (_, i) => rgb[i * 3]) };
}

const END_OF_IMAGE = 0xd9;

function hasMarker(bytes: Uint8Array, marker: number, from: number): boolean {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1))
    if (bytes[at + 1] === marker) return true;
  return false;
}

interface JpegFrame {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Where the segment ends. */
  readonly end: number;
}

/** The first start-of-frame segment. */
function readJpegFrame(bytes: Uint8Array, file: string): JpegFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++; // padding
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      const [height, width, components] = [view.getUint16(at + 5), view.getUint16(at + 7), bytes[at + 9]];
      if (height === 0 || width === 0) break;
      if (components !== 1 && components !== 3)
        throw new FileFormatError(
          `${file} is a JPEG file of ${components} components; lowbit reads grey and colour, not CMYK`,
          { where: file },
        );
      return { width, height, components, end: at + 10 };
    }
    at += 2 + view.getUint16(at + 2);
  }
  throw new FileFormatError(`${file} is a damaged JPEG file: it says nowhere how large the picture is`, {
    where: file,
  });
}
