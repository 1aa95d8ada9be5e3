// Makes the embedded slice of Fashion-MNIST from the folder of the full set's four files:
//
//   node packages/data/scripts/make-fashion-mnist-mini.mjs FOLDER
//
// Takes the first 1,000 images of each class of the training set and the first 200 of the test set, in the order of the files.
// The same input gives the same bytes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

const CLASSES = 10;
const IMAGE_BYTES = 28 * 28;
const target = new URL("../assets/fashion-mnist-mini/", import.meta.url);
const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node make-fashion-mnist-mini.mjs FOLDER_OF_FASHION_MNIST");
  process.exit(2);
}

function read(name) {
  const gzipped = `${folder}/${name}.gz`;
  return existsSync(gzipped) ? gunzipSync(readFileSync(gzipped)) : readFileSync(`${folder}/${name}`);
}

function write(name, content) {
  const bytes = gzipSync(content, { level: 9 });
  bytes[9] = 255; // the operating system: "unknown", so that every one writes the same file
  writeFileSync(new URL(`${name}.gz`, target), bytes);
  return bytes.length;
}

/** Big-endian header of an IDX array of unsigned bytes. */
function idxHeader(...shape) {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = 0x08;
  header[3] = shape.length;
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return header;
}

mkdirSync(target, { recursive: true });
let total = 0;
for (const [prefix, perClass] of [
  ["train", 1000],
  ["t10k", 200],
]) {
  const images = read(`${prefix}-images-idx3-ubyte`).subarray(16);
  const labels = read(`${prefix}-labels-idx1-ubyte`).subarray(8);
  const taken = new Array(CLASSES).fill(0);
  const chosen = [...labels.keys()].filter((i) => taken[labels[i]]++ < perClass);
  if (chosen.length !== CLASSES * perClass)
    throw new Error(`${prefix}: ${chosen.length} images, not ${perClass} of each class`);
  const pictures = chosen.map((i) => images.subarray(i * IMAGE_BYTES, (i + 1) * IMAGE_BYTES));
  total += write(`${prefix}-images-idx3-ubyte`, Buffer.concat([idxHeader(chosen.length, 28, 28), ...pictures]));
  total += write(
    `${prefix}-labels-idx1-ubyte`,
    Buffer.concat([idxHeader(chosen.length), Buffer.from(chosen.map((i) => labels[i]))]),
  );
}
console.log(`${total} bytes in ${fileURLToPath(target)}`);
