import { readdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
let server: Server | undefined;
afterEach(() => server?.close());

/** A server that answers everything with one status and content; resolves to its address. */
async function serve(status: number, content: Buffer): Promise<string> {
  const listening = createServer((_, response) => response.writeHead(status).end(content));
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;
}

describe("data fetch", () => {
  it.each([
    ["that lacks the files", 404, Buffer.alloc(0), 74, /the server answered 404/],
    ["that has other ones", 200, gzipSync(Buffer.from("anything")), 65, /is not Fashion-MNIST's/],
  ] as const)("from an address %s writes nothing", async (name, status, content, code, message) => {
    const out = join(work, name.replaceAll(" ", "-"));
    const words = ["data", "fetch", "fashion-mnist", "--out", out, "--from", await serve(status, content), "--json"];
    const ended = await runLowbit(words);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toMatch(message);
    expect(readdirSync(out)).toEqual([]);
  });

  it("knows one set", async () => {
    const { code, stderr } = await runLowbit(["data", "fetch", "fashion-mnst"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean fashion-mnist?");
  });
});
