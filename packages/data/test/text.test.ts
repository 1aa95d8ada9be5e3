import { createMemoryDisk, createStorage } from "@lowbit/core-tensor/storage";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createText, createTextLoader, encodeTokens, joinTokens, openText, tokenize } from "../src/index.js";

describe("tokenize", () => {
  it("takes a text apart into characters, whole ones, and joinTokens puts them together again", () => {
    expect(tokenize("né 𝒳\n", "char")).toEqual(["n", "é", " ", "𝒳", "\n"]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(joinTokens(tokenize(text, "char"), "char")).toBe(text);
      }),
      { seed: 1 },
    );
  });

  it.each([
    ["Call me Ishmael.", ["call", "me", "ishmael", ".", "<eos>"]],
    [
      "The sea-captain's log;\r\n\r\n1,000 whales\n",
      ["the", "sea-captain's", "log", ";", "<eos>", "<eos>", "1,000", "whales", "<eos>"],
    ],
    [" no it was n't black <unk> \n", ["no", "it", "was", "n't", "black", "<unk>", "<eos>"]],
  ])("takes %j apart into words", (text, words) => expect(tokenize(text, "word")).toEqual(words));

  it("joins words with the spaces that they usually have", () =>
    expect(joinTokens(["call", "me", ",", "ahab", "!", "<eos>", "aye", "."], "word")).toBe("call me, ahab!\naye."));
});

const lines = Array.from({ length: 200 }, (_, i) => `line ${i} of ${i % 7 === 0 ? "seven" : "more"}`).join("\n");

describe("createText", () => {
  it("keeps the first nine tenths to train, and knows only their tokens", async () => {
    const text = `${"ab".repeat(450)}${"bz".repeat(50)}`;
    const { vocabulary, train, test, testCharacters } = await createText("t", text, { level: "char" });
    expect(vocabulary).toEqual(["<unk>", "a", "b"]);
    expect([train.length, test.length, testCharacters]).toEqual([900, 100, 100]);
    expect([...test.subarray(0, 4)]).toEqual([2, 0, 2, 0]);
  });

  it("cuts words where a line ends, and counts the characters that they stand for", async () => {
    const { train, test, vocabulary, testCharacters } = await createText("t", lines, { level: "word" });
    const words = (numbers: Int32Array) => [...numbers].map((number) => vocabulary[number]);
    expect(words(train).at(-1)).toBe("<eos>");
    expect(words(test)[0]).toBe("line");
    const tested = lines.split("\n").slice(words(train).filter((word) => word === "<eos>").length);
    expect(testCharacters).toBe(tested.join("\n").length);
  });

  it("keeps the most frequent tokens, equally frequent ones in order", async () => {
    const { vocabulary } = await createText("t", lines, { level: "word", size: 5 });
    expect(vocabulary).toEqual(["<unk>", "<eos>", "line", "of", "more"]);
  });

  it("never cuts a character in two", async () => {
    const { train, test, vocabulary } = await createText("t", "𝒳".repeat(205), { level: "char" });
    expect(vocabulary).toEqual(["<unk>", "𝒳"]);
    expect(train.length + test.length).toBe(205);
    expect([...train, ...test].every((number) => number === 1)).toBe(true);
  });

  it("reads with a vocabulary that is there already, and has the same fingerprint for the same text", async () => {
    const own = await createText("t", lines, { level: "char" });
    const given = await createText("t", lines, { level: "char", vocabulary: ["<unk>", "e"] });
    expect(new Set(given.train)).toEqual(new Set([0, 1]));
    expect(given.fingerprint).toBe(own.fingerprint);
    expect((await createText("t", `${lines}.`, { level: "char" })).fingerprint).not.toBe(own.fingerprint);
  });

  it("refuses a text too short to learn from", () =>
    expect(createText("t", "to be, or not to be", { level: "char" })).rejects.toThrow(/17 tokens[\s\S]*at least 100/));
});

describe("openText", () => {
  const storage = createStorage(createMemoryDisk(), () => "t");
  const open = (name: string) => openText(name, { level: "char", storage });

  it("reads a file, and refuses what is no UTF-8", async () => {
    await storage.writeAtomic("a.txt", lines);
    expect((await open("text:a.txt")).fingerprint).toBe((await createText("", lines, { level: "char" })).fingerprint);
    await storage.writeAtomic("b.txt", Uint8Array.of(...new TextEncoder().encode(lines), 0xff));
    await expect(open("text:b.txt")).rejects.toThrow(/not UTF-8[\s\S]*b\.txt/);
  });

  it.each(["text", "text:", "txt:a.txt", "a.txt"])("knows no text called %j", (name) =>
    expect(open(name)).rejects.toThrow(/there is no text[\s\S]*text:FILE/),
  );
});

describe("createTextLoader", () => {
  const tokens = Int32Array.from({ length: 101 }, (_, i) => i);

  it("reads each stream in order, and for each token the one that follows it", async () => {
    const loader = createTextLoader(tokens, { streams: 3, steps: 10 });
    const streams: number[][] = [[], [], []];
    for await (const { images, labels } of loader) {
      const [T, N] = images.shape;
      for (let i = 0; i < T * N; i++) {
        streams[i % N].push(images.data[i]);
        expect(labels.data[i]).toBe(images.data[i] + 1);
      }
    }
    expect(streams.map((stream) => [stream[0], stream.length])).toEqual([
      [0, 33],
      [33, 33],
      [66, 33],
    ]);
    expect(streams.flat()).toEqual([...tokens.subarray(0, 99)]);
    expect([loader.batchesPerEpoch, loader.tokensPerEpoch]).toEqual([4, 99]);
  });

  it("leaves out a short last batch where it is told so", async () => {
    const loader = createTextLoader(tokens, { streams: 3, steps: 10, dropLast: true });
    const shapes: string[] = [];
    for await (const { images } of loader) shapes.push(images.shape.join());
    expect(shapes).toEqual(["10,3", "10,3", "10,3"]);
    expect(loader.position()).toEqual({ epoch: 1, cursor: 0 });
  });

  it("goes on from any of its places", async () => {
    const [whole, resumed] = [1, 2].map(() => createTextLoader(tokens, { streams: 2, steps: 7 }));
    const rest: number[][] = [];
    let place = whole.position();
    for await (const { images } of whole) {
      if (place.cursor >= 21) rest.push([...images.data]);
      place = whole.position();
    }
    resumed.seek({ epoch: 0, cursor: 21 });
    const got: number[][] = [];
    for await (const { images } of resumed) got.push([...images.data]);
    expect(got).toEqual(rest);
    expect(() => resumed.seek({ epoch: 0, cursor: 5 })).toThrow(/no batch of this text begins at step 5/);
  });

  it.each([
    [{ streams: 0, steps: 4 }, /streams 0/],
    [{ streams: 1, steps: 1.5 }, /steps 1.5/],
    [{ streams: 101, steps: 1 }, /at least 102 tokens/],
    [{ streams: 20, steps: 6, dropLast: true }, /at least 121 tokens/],
  ])("refuses %j", (options, message) => expect(() => createTextLoader(tokens, options)).toThrow(message));
});

it("numbers tokens that a vocabulary lacks 0", () =>
  expect([...encodeTokens(["b", "c", "a"], ["<unk>", "a", "b"])]).toEqual([2, 0, 1]));
