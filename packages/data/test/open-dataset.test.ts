import { createMemoryDisk, openStorage } from "@lowbit/core-tensor/storage";
import { describe, expect, it } from "vitest";
import { datasetKinds, openDataset, resolveDataset } from "../src/index.js";

describe("resolveDataset", () => {
  it.each([
    ["fashion-mnist-mini", "fashion-mnist-mini", undefined],
    ["fashion-mnist", "fashion-mnist", "data/fashion-mnist"],
    ["fashion-mnist:/a:b", "fashion-mnist", "/a:b"],
    ["cifar10:c", "cifar10", "c"],
    ["folder:.", "folder", "."],
  ])("%s is %s in %s", (name, kind, path) => {
    expect(resolveDataset(name)).toEqual({ kind, path });
  });

  it.each([
    ["fasion-mnist-mini", /there is no data set "fasion-mnist-mini"[\s\S]*did you mean fashion-mnist-mini\?/],
    ["Fashion-MNIST", /did you mean fashion-mnist\?/],
    ["cifar-10:x", /did you mean cifar10\?/],
    ["", /there is no data set ""\n/],
    ["__proto__", /there is no data set/],
    ["spam-assassin", /no data set of images "spam-assassin"[\s\S]*--model lstm, gru or vanilla/],
    ["text:novel.txt", /no data set of images "text:novel.txt"[\s\S]*--model lstm/],
    ["fashion-mnist-mini:x", /takes no folder/],
    ["cifar10", /cifar10 needs a folder[\s\S]*cifar10:FOLDER/],
    ["cifar10:", /cifar10 needs a folder/],
    ["fashion-mnist:", /needs a folder after the colon/],
  ])("refuses %j", (name, message) => {
    expect(() => resolveDataset(name)).toThrow(
      expect.objectContaining({ code: "LOWBIT_ARGUMENT", message: expect.stringMatching(message) }),
    );
  });

  it("suggests nothing for what is near nothing", () => {
    expect(() => resolveDataset("imagenet")).toThrow(expect.objectContaining({ hint: undefined }));
  });

  it("names every kind once", () => {
    expect(new Set(datasetKinds.map(({ name }) => name)).size).toBe(datasetKinds.length);
  });
});

describe("openDataset", () => {
  const storage = openStorage({ disk: createMemoryDisk() });

  it("says how to get Fashion-MNIST where it is not there", async () => {
    await expect(openDataset("fashion-mnist:some/where", { storage })).rejects.toThrow(
      /fashion-mnist is not in "some\/where"[\s\S]*lowbit data fetch fashion-mnist/,
    );
  });

  it.each(["mnist:none", "cifar10:none", "cifar100:none", "folder:none"])(
    "says that the files of %s are missing",
    async (name) => {
      await expect(openDataset(name, { storage })).rejects.toThrow(
        expect.objectContaining({ code: "LOWBIT_STORAGE", message: expect.stringMatching(/none/) }),
      );
    },
  );
});
