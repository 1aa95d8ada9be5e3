import { crc32, deflateSync } from "node:zlib";

/** One chunk of a PNG file, by the book (W3C PNG, 5.3). */
export function chunk(type: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(content.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlace?: number;
  /** Lines, each with its filter byte, before compression. */
  readonly lines: Uint8Array;
  /** Between the header and the data. */
  readonly before?: readonly Buffer[];
}

/** A PNG file written without any library. */
export function pngFile({ width, height, depth, colourType, interlace = 0, lines, before = [] }: PngParts): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [
    signature,
    chunk("IHDR", header),
    ...before,
    chunk("IDAT", deflateSync(lines)),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat(parts));
}

/** Lines of samples, `depth` bits each, every line in whole bytes and with filter 0. */
export function packLines(samples: readonly number[], perLine: number, depth: number): Uint8Array {
  const lines: number[] = [];
  for (let start = 0; start < samples.length; start += perLine) {
    const bits = samples
      .slice(start, start + perLine)
      .map((sample) => sample.toString(2).padStart(depth, "0"))
      .join("");
    lines.push(0);
    for (let bit = 0; bit < bits.length; bit += 8)
      lines.push(Number.parseInt(bits.slice(bit, bit + 8).padEnd(8, "0"), 2));
  }
  return Uint8Array.from(lines);
}
