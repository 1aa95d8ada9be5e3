import { gzipSync } from "node:zlib";
import { chunk, packLines, pngFile } from "../../packages/data/test/png-file.js";
import { jpegSeeds } from "./hostile/jpeg-seeds.js";

/** A file that is wrong in one way, and what opening it has to answer. */
export interface BadFile {
  readonly format:
    | "safetensors"
    | "json"
    | "manifest"
    | "graph"
    | "experiment"
    | "idx"
    | "cifar10"
    | "gzip"
    | "picture";
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly code: string;
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const json = (value: unknown): string => JSON.stringify(value);
const FORMAT = "LOWBIT_FILE_FORMAT";
const MEMORY = "LOWBIT_MEMORY";
const CONFIGURATION = "LOWBIT_CONFIGURATION";

type Row = readonly [what: string, bytes: Uint8Array | string, code?: string];

const list = (format: BadFile["format"], rows: readonly Row[], usual = FORMAT): BadFile[] =>
  rows.map(([what, bytes, code = usual]) => ({
    format,
    what,
    bytes: typeof bytes === "string" ? text(bytes) : bytes,
    code,
  }));

/** A safetensors file by hand: any header, any number of bytes behind it, any length said. */
function safetensors(header: string | object, dataBytes = 0, said?: number | bigint): Uint8Array {
  const head = text(typeof header === "string" ? header : json(header));
  const bytes = new Uint8Array(8 + head.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(said ?? head.length), true);
  bytes.set(head, 8);
  return bytes;
}
const tensor = (shape: unknown, from: unknown, to: unknown, dtype: unknown = "U8") => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

const badSafetensors = list("safetensors", [
  ["nothing", ""],
  ["one byte", "x"],
  ["seven bytes", new Uint8Array(7)],
  ["a length and no header", new Uint8Array(8)],
  ["a length beyond the file", safetensors("{}", 0, 100)],
  ["a length of 2⁶³", safetensors("{}", 0, 2n ** 63n)],
  ["a length of 2⁶⁴ − 1", safetensors("{}", 0, 2n ** 64n - 1n)],
  ["a length that cuts the header", safetensors('{"a": 1}', 0, 4)],
  ["a header that is a list", safetensors("[]")],
  ["a header that is a text", safetensors('"{}"')],
  ["a header after a space", safetensors(" {}")],
  ["a header after a byte order mark", safetensors("\ufeff{}")],
  ["a header in single quotes", safetensors("{'a': 1}")],
  ["a header with a comment", safetensors("{} // tensors")],
  ["a header with a last comma", safetensors('{"a": 1,}')],
  ["a name twice", safetensors(`{"a": ${json(tensor([1], 0, 1))}, "a": ${json(tensor([1], 0, 1))}}`, 1)],
  [
    "a name twice, once escaped",
    safetensors(`{"a": ${json(tensor([1], 0, 1))}, "\\u0061": ${json(tensor([1], 0, 1))}}`, 1),
  ],
  ["a field twice", safetensors('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1)],
  ["a tensor that is null", safetensors({ a: null })],
  ["a tensor that is a list", safetensors({ a: [] })],
  ["a tensor without a dtype", safetensors({ a: { shape: [1], data_offsets: [0, 1] } }, 1)],
  ["a tensor without a shape", safetensors({ a: { dtype: "U8", data_offsets: [0, 1] } }, 1)],
  ["a tensor without offsets", safetensors({ a: { dtype: "U8", shape: [1] } }, 1)],
  ["a dtype in small letters", safetensors({ a: tensor([1], 0, 4, "f32") }, 4)],
  ["a dtype of no format", safetensors({ a: tensor([1], 0, 4, "F31") }, 4)],
  ["a dtype out of the prototype", safetensors({ a: tensor([1], 0, 1, "constructor") }, 1)],
  ["a dtype that is a number", safetensors({ a: tensor([1], 0, 1, 8) }, 1)],
  ["a shape that is a number", safetensors({ a: tensor(1, 0, 1) }, 1)],
  ["a negative size", safetensors({ a: tensor([-1], 0, 1) }, 1)],
  ["two negative sizes", safetensors({ a: tensor([-1, -1], 0, 1) }, 1)],
  ["half a size", safetensors({ a: tensor([0.5], 0, 1) }, 1)],
  ["a size as a text", safetensors({ a: tensor(["1"], 0, 1) }, 1)],
  ["sizes whose product passes 2⁵³", safetensors({ a: tensor([2 ** 31, 2 ** 31], 0, 4) }, 4)],
  ["sizes whose product wraps to the right one", safetensors({ a: tensor([2 ** 32, 2 ** 32, 2 ** 32], 0, 0) })],
  ["65 axes", safetensors({ a: tensor(new Array(65).fill(1), 0, 1) }, 1)],
  ["one offset", safetensors({ a: { dtype: "U8", shape: [1], data_offsets: [0] } }, 1)],
  ["three offsets", safetensors({ a: { dtype: "U8", shape: [1], data_offsets: [0, 1, 1] } }, 1)],
  ["offsets as texts", safetensors({ a: tensor([1], "0", "1") }, 1)],
  ["negative offsets", safetensors({ a: tensor([1], -1, 0) }, 1)],
  ["offsets that run backwards", safetensors({ a: tensor([1], 1, 0) }, 1)],
  ["fewer bytes than the shape", safetensors({ a: tensor([2], 0, 4, "F32") }, 4)],
  ["more bytes than the shape", safetensors({ a: tensor([1], 0, 8, "F32") }, 8)],
  ["data beyond the end", safetensors({ a: tensor([8], 0, 8) }, 4)],
  ["two tensors that overlap", safetensors({ a: tensor([4], 0, 4), b: tensor([4], 2, 6) }, 6)],
  ["two tensors on the same bytes", safetensors({ a: tensor([4], 0, 4), b: tensor([4], 0, 4) }, 4)],
  ["a hole between tensors", safetensors({ a: tensor([2], 0, 2), b: tensor([2], 4, 6) }, 6)],
  ["a hole before the first", safetensors({ a: tensor([2], 2, 4) }, 4)],
  ["bytes behind the last", safetensors({ a: tensor([2], 0, 2) }, 3)],
  ["metadata that is a list", safetensors({ __metadata__: [] })],
  ["metadata of numbers", safetensors({ __metadata__: { epoch: 1 } })],
]);

const badJson = list("json", [
  ["nothing", ""],
  ["a space", " "],
  ["half a word", "tru"],
  ["a word of JavaScript", "undefined"],
  ["NaN", "NaN"],
  ["Infinity", "-Infinity"],
  ["a leading zero", "01"],
  ["a plus", "+1"],
  ["a dot without digits", "1."],
  ["an exponent without digits", "1e"],
  ["a hexadecimal number", "0x10"],
  ["a number too large", "1e999"],
  ["a text without an end", '"abc'],
  ["a line break in a text", '"a\nb"'],
  ["an escape that is none", '"\\x41"'],
  ["half an escape", '"\\u00"'],
  ["a list without an end", "[1, 2"],
  ["a list with two commas", "[1,, 2]"],
  ["a list with a last comma", "[1, 2,]"],
  ["a name without quotes", "{a: 1}"],
  ["a name without a value", '{"a"}'],
  ["a name twice", '{"a": 1, "a": 2}'],
  ["__proto__ twice", '{"__proto__": 1, "__proto__": 2}'],
  ["two values", "1 2"],
  ["a comment", "[1] /* one */"],
  ["65 levels", "[".repeat(65) + "]".repeat(65)],
  ["a million brackets", "[".repeat(1_000_000)],
  ["bytes that are no UTF-8", Uint8Array.from([0x22, 0xff, 0xfe, 0x22])],
  ["UTF-16", Uint8Array.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
]);

const badIdx = list("idx", [
  ["nothing", ""],
  ["three bytes", Uint8Array.from([0, 0, 8])],
  ["a page of HTML", "<html><body>404</body></html>"],
  ["16-bit integers", Uint8Array.from([0, 0, 0x0b, 1, 0, 0, 0, 1, 0, 1])],
  ["floats", Uint8Array.from([0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0])],
  ["an unknown type", Uint8Array.from([0, 0, 7, 3])],
  ["labels for images", Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 1, 5])],
  ["half a header", Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0])],
  ["a byte too few", Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3])],
  ["a byte too many", Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2])],
  ["sizes beyond any memory", Uint8Array.from([0, 0, 8, 3, ...new Array(12).fill(255)])],
  ["gzip cut short", gzipSync(Uint8Array.from([0, 0, 8, 3, ...new Array(90).fill(1)])).subarray(0, 20)],
  ["little-endian sizes", Uint8Array.from([0, 0, 8, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9])],
]);

const badCifar = list("cifar10", [
  ["nothing", ""],
  ["half a record", new Uint8Array(1500)],
  ["a byte too few", new Uint8Array(3072)],
  ["a byte too many", new Uint8Array(3074)],
  ["a label of no class", new Uint8Array(3073).fill(10, 0, 1)],
  ["a label of no class in the second record", new Uint8Array(6146).fill(255, 3073, 3074)],
  ["a .tar.gz that was not unpacked", gzipSync(new Uint8Array(3073))],
]);

const packed = gzipSync(new Uint8Array(1000).map((_, i) => i * i));
const badGzip = list("gzip", [
  ["the magic number alone", packed.subarray(0, 2)],
  ["the header alone", packed.subarray(0, 10)],
  ["no checksum", packed.subarray(0, -8)],
  ["a wrong checksum", new Uint8Array(packed).with(packed.length - 5, packed[packed.length - 5] ^ 1)],
  ["a wrong length", new Uint8Array(packed).with(packed.length - 1, 9)],
  ["another method", new Uint8Array(packed).with(2, 7)],
  ["a bomb", gzipSync(new Uint8Array(2 ** 26)), MEMORY],
]);

const grey = { width: 2, height: 2, depth: 8, colourType: 0, lines: Uint8Array.from([0, 1, 2, 0, 3, 4]) };
const plain = pngFile(grey);
const [jpeg, colourJpeg] = jpegSeeds();
const frameOf = (bytes: Uint8Array): number =>
  bytes.findIndex((byte, i) => byte === 0xff && (bytes[i + 1] & 0xfc) === 0xc0);
const badPictures = list(
  "picture",
  [
    ["nothing", ""],
    ["a text", "not a picture"],
    ["a GIF", "GIF89a"],
    ["a PNG of its signature alone", plain.slice(0, 8)],
    ["a PNG without its end", plain.slice(0, -12)],
    ["a PNG without data", new Uint8Array(Buffer.concat([plain.slice(0, 33), chunk("IEND", new Uint8Array(0))]))],
    ["a PNG whose header is not first", new Uint8Array(Buffer.concat([plain.slice(0, 8), plain.slice(33)]))],
    ["a PNG with two headers", pngFile({ ...grey, before: [chunk("IHDR", new Uint8Array(13))] })],
    ["a PNG with a wrong checksum", plain.with(29, plain[29] ^ 1)],
    ["a PNG with a chunk beyond the end", plain.with(33, 255)],
    ["a PNG without pixels", pngFile({ ...grey, width: 0 })],
    ["a PNG of 2⁶² pixels", pngFile({ ...grey, width: 2 ** 31, height: 2 ** 31 })],
    ["a PNG with fewer lines than its height", pngFile({ ...grey, height: 3 })],
    ["a PNG with more lines than its height", pngFile({ ...grey, height: 1 })],
    ["a PNG of an unknown colour type", pngFile({ ...grey, colourType: 1 })],
    ["a PNG of a depth that its colour type lacks", pngFile({ ...grey, colourType: 2, depth: 4 })],
    ["a PNG with an unknown filter", pngFile({ ...grey, lines: Uint8Array.from([5, 1, 2, 0, 3, 4]) })],
    ["a PNG without the palette it needs", pngFile({ ...grey, colourType: 3 })],
    [
      "a PNG with an index beyond its palette",
      pngFile({ ...grey, colourType: 3, before: [chunk("PLTE", new Uint8Array(3))] }),
    ],
    ["a PNG that inflates to 64 MiB", pngFile({ ...grey, lines: new Uint8Array(2 ** 26) })],
    [
      "an interlaced PNG of one bit",
      pngFile({ ...grey, depth: 1, interlace: 1, lines: packLines([1, 0, 1, 0], 2, 1) }),
    ],
    ["a JPEG of three bytes", Uint8Array.from([0xff, 0xd8, 0xff])],
    ["a JPEG without its end", jpeg.slice(0, -2)],
    ["a JPEG cut in half", colourJpeg.slice(0, colourJpeg.length >> 1)],
    ["a JPEG without a frame", Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 2, 0xff, 0xd9])],
    ["a JPEG without pixels", jpeg.slice().fill(0, frameOf(jpeg) + 5, frameOf(jpeg) + 9)],
    ["a JPEG of 65535 x 65535 pixels", jpeg.slice().fill(255, frameOf(jpeg) + 5, frameOf(jpeg) + 9)],
    ["a JPEG of four components", colourJpeg.with(frameOf(colourJpeg) + 9, 4)],
  ].map(
    ([what, bytes]) =>
      [
        what,
        bytes,
        what === "a PNG with more lines than its height" || what === "a PNG that inflates to 64 MiB" ? MEMORY : FORMAT,
      ] as Row,
  ),
);

const badManifests = list("manifest", [
  ["nothing", ""],
  ["null", "null"],
  ["another format", json({ format: "keras", version: 1 })],
  ["a later version", json({ format: "lowbit-generation", version: 2 })],
  ["no checksum", json({ format: "lowbit-generation", version: 1, generation: 1, parts: {}, state: null })],
  [
    "a wrong checksum",
    json({ format: "lowbit-generation", version: 1, generation: 1, parts: {}, state: null, checksum: "0" }),
  ],
]);

const stored = (nodes: unknown, outputs: unknown = { logits: 1 }): string => json({ nodes, outputs });
const images = { op: "input", name: "images", shape: [1, 4], dtype: "f32" };
const badGraphs = list("graph", [
  ["null", "null"],
  ["no nodes", json({ outputs: {} })],
  ["nodes that are an object", stored({})],
  ["a node that is null", stored([null])],
  ["an unknown operation", stored([images, { op: "exec", inputs: [0] }])],
  ["an operation out of the prototype", stored([images, { op: "constructor", inputs: [0] }])],
  ["an input that comes later", stored([images, { op: "relu", inputs: [1] }])],
  ["an input that is negative", stored([images, { op: "relu", inputs: [-1] }])],
  ["an input by the name of a member", stored([images, { op: "relu", inputs: ["length"] }])],
  ["no inputs", stored([images, { op: "relu" }])],
  ["too many inputs", stored([images, { op: "relu", inputs: [0, 0] }])],
  ["too few inputs", stored([images, { op: "add", inputs: [0] }])],
  ["shapes that do not fit", stored([images, { op: "matmul", inputs: [0, 0] }])],
  ["a reshape to other elements", stored([images, { op: "reshape", inputs: [0], attributes: { shape: [5] } }])],
  ["a tensor that is missing", stored([{ op: "constant", tensor: "w", shape: [4], dtype: "f32" }])],
  ["a variable", stored([images, { op: "variable", inputs: [0] }])],
  ["an output that is no node", stored([images], { logits: 7 })],
  ["an output by the name of a member", stored([images], { logits: "map" })],
  ["a convolution of codes without formats", stored([images, { op: "conv2dCodes", inputs: [0, 0] }])],
]);

const badExperiments = list(
  "experiment",
  [
    ["an empty object", "{}"],
    ["a list", "[]"],
    ["an unknown field", json({ model: "mlp", data: "fashion-mnist-mini", modell: 1 })],
    ["__proto__", '{"model": "mlp", "data": "fashion-mnist-mini", "__proto__": {"epochs": 1}}'],
    ["an unknown model", json({ model: "resnet9", data: "fashion-mnist-mini" })],
    ["an unknown data set", json({ model: "mlp", data: "fashion" })],
    [
      "a module for a quantizer",
      json({ model: "mlp", data: "fashion-mnist-mini", quantizer: "./evil.mjs", precision: "w2a2" }),
    ],
    ["an impossible precision", json({ model: "mlp", data: "fashion-mnist-mini", precision: "w0a9" })],
    ["a width of 0", json({ model: "mlp", data: "fashion-mnist-mini", width: 0 })],
    ["a width of 1000", json({ model: "mlp", data: "fashion-mnist-mini", width: 1000 })],
    ["epochs as a text", json({ model: "mlp", data: "fashion-mnist-mini", epochs: "5" })],
    ["half a batch", json({ model: "mlp", data: "fashion-mnist-mini", batch: 0.5 })],
    ["an unknown optimiser", json({ model: "mlp", data: "fashion-mnist-mini", optimiser: "adamax" })],
    ["a negative learning rate", json({ model: "mlp", data: "fashion-mnist-mini", learningRate: -1 })],
    ["an augmentation that is none", json({ model: "mlp", data: "fashion-mnist-mini", augment: "rotate" })],
  ],
  CONFIGURATION,
);

/** Files that nobody may take for right, each with the code of the error that names what is wrong. */
export const knownBadFiles: readonly BadFile[] = [
  ...[...badSafetensors, ...badJson, ...badManifests, ...badGraphs, ...badExperiments],
  ...[...badIdx, ...badCifar, ...badGzip, ...badPictures],
];
