import { ArgumentError, FileFormatError } from "../graph/errors.js";
import { type JsonObject, type JsonValue, parseJson } from "./hostile-json.js";

/** Bytes of one element of each dtype that lowbit reads and writes. */
const ELEMENT_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

export type SafeTensorDtype = keyof typeof ELEMENT_BYTES;

export interface SafeTensor {
  readonly dtype: SafeTensorDtype;
  readonly shape: readonly number[];
  /** Row-major, little-endian. What `readSafetensors` returns is a view on the file's bytes, not always aligned: see `typedData`. */
  readonly data: Uint8Array;
}

/** Names are keys of Maps: a tensor may be called "__proto__". */
export interface SafeTensors {
  readonly tensors: Map<string, SafeTensor>;
  readonly metadata: Map<string, string>;
}

const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000; // as the format's own reader
const MAX_RANK = 64;

// Layout: u64 header length (little-endian) | header, JSON, padded with spaces to a multiple of 8 | data, no gaps, no overlaps
//   header: { "__metadata__": { name: text, … }, "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, … }

/**
 * The bytes of a safetensors file: the same for the same tensors in any order, largest elements first, so that all are aligned.
 *
 * @throws {ArgumentError} when data and shape disagree, or a tensor is called "__metadata__"
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype] || (nameA < nameB ? -1 : 1),
  );
  const header: JsonObject = Object.create(null);
  if (metadata.size > 0) {
    const names: JsonObject = Object.create(null);
    for (const [name, text] of [...metadata].sort(([a], [b]) => (a < b ? -1 : 1))) names[name] = text;
    header.__metadata__ = names;
  }
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === "__metadata__")
      throw new ArgumentError('a tensor can\'t be called "__metadata__"', { op: "writeSafetensors" });
    if (data.length !== countBytes(dtype, shape))
      throw new ArgumentError(
        `tensor ${JSON.stringify(name)} has ${data.length} bytes, ${dtype} [${shape.join(", ")}] has ${countBytes(dtype, shape)}`,
        {
          op: "writeSafetensors",
        },
      );
    header[name] = { dtype, shape: [...shape], data_offsets: [end, end + data.length] };
    end += data.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + end).fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const [, { data }] of sorted) {
    file.set(data, at);
    at += data.length;
  }
  return file;
}

/** undefined where the product is too large for a whole number. */
function countBytes(dtype: SafeTensorDtype, shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * The tensors and metadata of a safetensors file. The header is checked whole before a tensor is looked at; no data is copied.
 *
 * @param options.file  name of the file, for errors
 * @throws {FileFormatError} for a header longer than the file, or over 100 MB, or not a JSON object; a name twice; a dtype that is
 *   unknown; a shape that is none, too large, or of another size than its bytes; offsets that overlap, leave a hole, run backwards
 *   or out of the file; bytes after the last tensor; metadata that is not text
 */
export function readSafetensors(bytes: Uint8Array, { file }: { readonly file: string }): SafeTensors {
  const { header, dataStart } = readHeader(bytes, file);
  const metadata = readMetadata(header.__metadata__, file);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => ({ name, ...readEntry(name, entry, file) }))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);

  const tensors = new Map<string, SafeTensor>();
  const dataBytes = bytes.length - dataStart;
  let expected = 0;
  for (const { name, dtype, shape, begin, end } of entries) {
    const where = whereOf(file, name);
    if (end > dataBytes)
      throw new FileFormatError(
        `the data of ${quote(name)} ends at byte ${end}, the file has ${dataBytes} bytes of data`,
        { where },
      );
    if (begin < expected)
      throw new FileFormatError(`the data of ${quote(name)} overlaps that of another tensor`, { where });
    if (begin > expected)
      throw new FileFormatError(`${begin - expected} bytes before the data of ${quote(name)} belong to no tensor`, {
        where,
      });
    tensors.set(name, { dtype, shape, data: bytes.subarray(dataStart + begin, dataStart + end) });
    expected = end;
  }
  if (expected !== dataBytes)
    throw new FileFormatError(`${dataBytes - expected} bytes after the last tensor belong to none`, { where: file });
  return { tensors, metadata };
}

const quote = (name: string): string => JSON.stringify(name.slice(0, 100));
const whereOf = (file: string, name: string): string => `${file}, tensor ${quote(name)}`;

function readHeader(bytes: Uint8Array, file: string): { header: JsonObject; dataStart: number } {
  if (bytes.length < LENGTH_BYTES)
    throw new FileFormatError(`${bytes.length} bytes are too few for a safetensors file`, { where: file });
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
  if (headerBytes > bytes.length - LENGTH_BYTES)
    throw new FileFormatError(`the header says it has ${headerBytes} bytes, the file has ${bytes.length}`, {
      where: file,
    });
  if (headerBytes > MAX_HEADER_BYTES)
    throw new FileFormatError(`a header of ${headerBytes} bytes is over the ${MAX_HEADER_BYTES} of the format`, {
      where: file,
    });
  const dataStart = LENGTH_BYTES + headerBytes;
  if (bytes[LENGTH_BYTES] !== 0x7b) throw new FileFormatError('the header does not begin with "{"', { where: file });
  const header = parseJson(bytes.subarray(LENGTH_BYTES, dataStart), {
    file: `${file} (header)`,
    maxBytes: MAX_HEADER_BYTES,
  });
  return { header: header as JsonObject, dataStart }; // it began with "{"
}

const isObject = (value: JsonValue): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const isSize = (value: JsonValue): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function readMetadata(value: JsonValue | undefined, file: string): Map<string, string> {
  if (value === undefined) return new Map();
  if (isObject(value) && Object.values(value).every((text) => typeof text === "string"))
    return new Map(Object.entries(value) as [string, string][]);
  throw new FileFormatError("__metadata__ is not an object of texts", { where: file });
}

function readEntry(
  name: string,
  entry: JsonValue,
  file: string,
): Omit<SafeTensor, "data"> & { begin: number; end: number } {
  const where = whereOf(file, name);
  const refuse = (what: string): never => {
    throw new FileFormatError(`tensor ${quote(name)} ${what}`, { where });
  };
  if (!isObject(entry)) return refuse("is not described by an object");
  const { dtype: dtypeName, shape, data_offsets: offsets } = entry; // further fields are left alone, as by the format's own reader
  if (typeof dtypeName !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtypeName))
    return refuse(
      `has the dtype ${quote(JSON.stringify(dtypeName ?? null))}; lowbit reads ${Object.keys(ELEMENT_BYTES).join(", ")}`,
    );
  const dtype = dtypeName as SafeTensorDtype;
  if (!Array.isArray(shape) || !shape.every(isSize))
    return refuse("has a shape that is not a list of whole numbers from 0 on");
  if (shape.length > MAX_RANK) return refuse(`has ${shape.length} axes, more than ${MAX_RANK}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return refuse("has data_offsets that are not two whole numbers from 0 on");
  const [begin, end] = offsets as [number, number];
  if (end < begin) return refuse(`has data_offsets that run backwards, from ${begin} to ${end}`);
  const bytes = countBytes(dtype, shape);
  if (bytes === undefined) return refuse(`has a shape of too many elements, [${shape.join(", ")}]`);
  if (end - begin !== bytes) return refuse(`has ${end - begin} bytes, ${dtype} [${shape.join(", ")}] has ${bytes}`);
  return { dtype, shape, begin, end };
}

const VIEWS = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  U32: Uint32Array,
  I32: Int32Array,
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const;

/** A copy of a tensor's elements as the typed array of its dtype; `typedData(t, "F32")` is a Float32Array, another dtype is refused. */
export function typedData<Dtype extends SafeTensorDtype>(
  tensor: SafeTensor,
  dtype: Dtype,
  where = "safetensors",
): InstanceType<(typeof VIEWS)[Dtype]> {
  if (tensor.dtype !== dtype)
    throw new FileFormatError(`a tensor of dtype ${tensor.dtype} where ${dtype} was wanted`, { where });
  const copy = tensor.data.slice(); // a buffer of its own begins aligned
  return new VIEWS[dtype](copy.buffer as ArrayBuffer) as InstanceType<(typeof VIEWS)[Dtype]>;
}
