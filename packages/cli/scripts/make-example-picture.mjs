// Makes assets/ankle-boot.png, a picture to try `lowbit predict` on: the first ankle boot of Fashion-MNIST's test images (Zalando SE,
// MIT licence), dark on white and ten times as large, as a photograph of a shop might be. Needs the built @lowbit/data.
import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";
import { openDataset } from "@lowbit/data";

const SCALE = 10;

const { test, classes } = await openDataset("fashion-mnist-mini");
const [, height, width] = test.imageShape;
const first = test.labels.indexOf(classes.indexOf("Ankle boot"));
const pixels = test.images.subarray(first * height * width, (first + 1) * height * width);

const [W, H] = [width * SCALE, height * SCALE];
const rows = Buffer.alloc(H * (W + 1)); // each begins with its filter, 0: none
for (let y = 0; y < H; y++) {
  for (let x = 0; x < W; x++) {
    rows[y * (W + 1) + 1 + x] = 255 - pixels[Math.floor(y / SCALE) * width + Math.floor(x / SCALE)];
  }
}

const word = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const chunk = (name, content) => {
  const named = Buffer.concat([Buffer.from(name, "latin1"), content]);
  return Buffer.concat([word(content.length), named, word(crc32(named))]);
};
const header = Buffer.concat([word(W), word(H), Buffer.from([8, 0, 0, 0, 0])]); // 8 bits, grey
const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const body = [chunk("IHDR", header), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))];
writeFileSync(new URL("../assets/ankle-boot.png", import.meta.url), Buffer.concat([signature, ...body]));
