import { FileFormatError } from "@lowbit/core-tensor";
import { gunzip, isGzip } from "./gunzip.js";

/** An array of unsigned bytes, as an IDX file holds it. */
export interface IdxArray {
  readonly shape: readonly number[];
  /** Row-major; a view on the file's bytes where they were not compressed. */
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [0x09, "signed bytes"],
  [0x0b, "16-bit integers"],
  [0x0c, "32-bit integers"],
  [0x0d, "float32"],
  [0x0e, "float64"],
]);

// Layout: 0, 0, element type, number of axes | size of each axis, big-endian u32 | elements, row-major

/**
 * Reads an IDX file, plain or gzipped, as MNIST and Fashion-MNIST use. All sizes are checked before the elements are touched.
 *
 * @param options.rank   the number of axes that it must have: 3 for images [N, H, W], 1 for labels [N]
 * @param options.limit  the most bytes that a gzipped file may inflate to
 * @throws {FileFormatError} when it is something else, of another rank, longer or shorter than its sizes say
 */
export async function readIdx(
  bytes: Uint8Array,
  { file, rank, limit }: { readonly file: string; readonly rank: number; readonly limit?: number },
): Promise<IdxArray> {
  const content = isGzip(bytes) ? await gunzip(bytes, { file, limit }) : bytes;
  const refuse = (what: string): never => {
    throw new FileFormatError(`${file} ${what}`, { where: file });
  };
  if (content.length < 4 || content[0] !== 0 || content[1] !== 0)
    return refuse("is no IDX file: it does not begin with two zero bytes");
  const [, , type, axes] = content;
  if (type !== UNSIGNED_BYTE)
    return refuse(`holds ${OTHER_TYPES.get(type) ?? `the unknown type ${type}`}; lowbit reads unsigned bytes`);
  if (axes !== rank) return refuse(`has ${axes} axes, ${rank} were wanted`);
  const dataStart = 4 + 4 * axes;
  if (content.length < dataStart) return refuse("ends within its header");
  const header = new DataView(content.buffer, content.byteOffset, dataStart);
  const shape = Array.from({ length: axes }, (_, axis) => header.getUint32(4 + 4 * axis));
  const expected = shape.reduce((product, size) => product * size, 1); // past 2⁵³ it rounds, and still differs from any file's length
  if (content.length - dataStart !== expected)
    return refuse(`says it holds ${shape.join(" x ")} = ${expected} bytes, and has ${content.length - dataStart}`);
  return { shape, data: content.subarray(dataStart) };
}
