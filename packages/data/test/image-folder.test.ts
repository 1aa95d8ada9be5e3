import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDataset } from "../src/index.js";
import { pngFile } from "./png-file.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "image-folder-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const grey = (value: number, width = 2) =>
  pngFile({ width, height: 1, depth: 8, colourType: 0, lines: Uint8Array.from([0, ...new Array(width).fill(value)]) });

function put(path: string, content: Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function putAll(...paths: string[]): void {
  for (const path of paths) put(path, grey(1));
}

const open = () => openDataset(`folder:${root}`);

describe("image folder", () => {
  it("reads train and test, classes by name", async () => {
    put("train/dog/a.png", grey(1));
    put("train/cat/a.png", grey(2));
    put("train/cat/b.PNG", grey(3));
    put("test/dog/a.png", grey(4));
    put("test/cat/a.png", grey(5));
    put("train/cat/notes.txt", new Uint8Array(3));
    put("train/cat/.hidden.png", new Uint8Array(3));
    const dataset = await open();
    expect(dataset.classes).toEqual(["cat", "dog"]);
    expect(dataset.imageShape).toEqual([1, 1, 2]);
    expect([...dataset.train.images]).toEqual([2, 2, 3, 3, 1, 1]);
    expect([...dataset.train.labels]).toEqual([0, 0, 1]);
    expect([...dataset.test.images]).toEqual([5, 5, 4, 4]);
    expect(dataset.normalisation.mean[0]).toBeCloseTo(2 / 255, 10);
  });

  it("holds out a tenth of each class, always the same, where there is no test folder", async () => {
    for (let i = 0; i < 20; i++)
      for (const name of ["a", "b"]) put(`${name}/${String(i).padStart(2, "0")}.png`, grey(i + 1));
    const dataset = await open();
    expect([dataset.train.count, dataset.test.count]).toEqual([36, 4]);
    const ofClass = (label: number) =>
      [dataset.train, dataset.test].flatMap(({ images, labels }) =>
        [...labels].flatMap((l, i) => (l === label ? [images[i * 2]] : [])),
      );
    for (const label of [0, 1])
      expect(ofClass(label).sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect((await open()).fingerprint).toBe(dataset.fingerprint);
  });

  it.each<[string, () => void, RegExp]>([
    [
      "a link to a picture",
      () => symlinkSync("/etc/passwd", join(root, "train/cat/x.png")),
      /x.png" is a symbolic link/,
    ],
    ["a link to a class", () => symlinkSync("/etc", join(root, "train/mouse")), /mouse" is a symbolic link/],
    [
      "a link to the training set",
      () => symlinkSync(join(root, "train"), join(root, "valid")),
      /valid" is a symbolic link/,
    ],
    [
      "a picture of another size",
      () => put("train/cat/b.png", grey(1, 3)),
      /b.png has 3 x 1 pixels, the first picture has 2 x 1/,
    ],
    ["a damaged picture", () => put("train/cat/b.png", new Uint8Array(9)), /b.png is neither a PNG nor a JPEG/],
    [
      "a class without pictures",
      () => mkdirSync(join(root, "train/mouse")),
      /other classes: cat, dog, mouse and cat, dog/,
    ],
    ["a class that only the test has", () => put("test/mouse/a.png", grey(1)), /other classes/],
    [
      "a class that would drive the terminal",
      () => put("train/\u001b[31m/a.png", grey(1)),
      /has a control character in its name/,
    ],
  ])("refuses %s", async (_, change, message) => {
    for (const set of ["train", "test"]) for (const name of ["cat", "dog"]) put(`${set}/${name}/a.png`, grey(1));
    change();
    await expect(open()).rejects.toThrow(message);
  });

  it.each<[string, () => void, RegExp]>([
    ["nothing", () => undefined, /there are 0 folders, at least two classes are needed/],
    ["one class", () => put("a/a.png", grey(1)), /there are 1 folders/],
    ["a class of one picture", () => putAll("a/1.png", "a/2.png", "b/1.png"), /class "b" has one picture/],
    ["a class of none", () => putAll("a/1.png", "a/2.png", "b/1.txt"), /no PNG or JPEG file of the class "b"/],
  ])("refuses a folder with %s", async (_, fill, message) => {
    fill();
    await expect(open()).rejects.toThrow(message);
  });
});
