import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createMemoryDisk, openStorage } from "@lowbit/core-tensor/storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FetchProgress, fetchFashionMnist, openDataset } from "../src/index.js";

const whole = "/usr/share/datasets/fashion-mnist"; // Debian: dataset-fashion-mnist
let server: Server;
let origin: string;
let requests: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? "";
    requests.push(name);
    if (name.startsWith("wrong/")) response.end("not what was asked for");
    else if (existsSync(whole) && readdirSync(whole).includes(name)) response.end(readFileSync(`${whole}/${name}`));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => server.close());

describe("fetchFashionMnist", () => {
  it.skipIf(!existsSync(whole))(
    "fetches, checks and writes the four files, and only those that are missing or damaged",
    async () => {
      const disk = createMemoryDisk();
      const storage = openStorage({ disk });
      const heard: FetchProgress[] = [];
      await fetchFashionMnist("d/f", { storage, origin, onProgress: (progress) => heard.push(progress) });
      expect([...disk.files().keys()].sort()).toEqual(readdirSync(whole).map((name) => `d/f/${name}`));
      expect(heard.at(-1)).toMatchObject({
        file: "t10k-labels-idx1-ubyte.gz",
        receivedBytes: 5125,
        alreadyThere: false,
      });
      const files = disk.files();
      files.set("d/f/t10k-labels-idx1-ubyte.gz", new Uint8Array(10));
      requests = [];
      const again = openStorage({ disk: createMemoryDisk(files) });
      await fetchFashionMnist("d/f", { storage: again, origin });
      expect(requests).toEqual(["t10k-labels-idx1-ubyte.gz"]);
      expect((await openDataset("fashion-mnist:d/f", { storage: again })).train.count).toBe(60_000);
    },
  );

  it.each<[string, () => string, RegExp]>([
    [
      "the server has no such file",
      () => `${origin}none/`,
      /can't fetch .*train-images-idx3-ubyte.gz: the server answered 404/,
    ],
    [
      "another file comes",
      () => `${origin}wrong/`,
      /is not Fashion-MNIST's train-images-idx3-ubyte.gz: its SHA-256 is another/,
    ],
    [
      "nobody answers",
      () => "http://127.0.0.1:9/",
      /can't fetch http:\/\/127.0.0.1:9\/train-images[\s\S]*check the network/,
    ],
  ])("says so and writes nothing when %s", async (_, from, message) => {
    const disk = createMemoryDisk();
    await expect(fetchFashionMnist("d", { storage: openStorage({ disk }), origin: from() })).rejects.toThrow(message);
    expect(disk.files().size).toBe(0);
  });
});
