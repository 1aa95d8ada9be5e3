import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "@lowbit/core-tensor";
import { openDataset } from "@lowbit/data";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPage, servePage } from "../page/serve.mjs";
import { type EpochOfPage, trainSmallNetwork } from "../page/train-small-network.js";

const CHROMIUM = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));
const isBuilt = existsSync(new URL("../../../packages/core-tensor/dist/worker.js", import.meta.url));
const reason = isBuilt
  ? CHROMIUM === undefined && "no Chromium was found: install one, or name it in the variable CHROMIUM"
  : "the packages are not built: npm run setup";
if (reason) console.warn(`the page was not opened in a browser: ${reason}`);

const PATIENCE = 300_000;

describe.skipIf(reason)("the page, in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "lowbit-page-"));
  let browser: Browser;

  beforeAll(async () => {
    await buildPage(folder);
    const quiet = [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-sync",
    ];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", ...quiet], timeout: PATIENCE });
  }, PATIENCE);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function openPage(isIsolated: boolean): Promise<{ page: Page; close(): Promise<void>; complaints: string[] }> {
    const server = await servePage({ outDir: folder, isIsolated });
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    const complaints: string[] = [];
    page.on("pageerror", ({ message }) => complaints.push(message));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(server.url)) complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(server.url);
    await page.waitForFunction(() => /ready|failed/.test(document.getElementById("status")?.textContent ?? ""));
    return { page, complaints, close: () => page.close().then(server.close) };
  }
  const read = (page: Page, id: string): Promise<string | null> => page.textContent(`#${id}`);

  it.each([
    ["with threads where it is isolated", true, /^wasm, (relaxed|portable), [2-9]\d* threads$/],
    ["on one thread where it is not", false, /^wasm, (relaxed|portable), 1 thread$/],
  ])(
    "classifies with the packed network, %s",
    async (_, isIsolated, backend) => {
      const { page, close, complaints } = await openPage(isIsolated);
      expect(await read(page, "status")).toBe("ready");
      expect(await read(page, "backend")).toMatch(backend);
      expect(await read(page, "network")).toBe("resnet8, w2a2");
      const [, right, count] = /([\d.]+) % of (\d+)/.exec((await read(page, "right")) ?? "") ?? [];
      expect(Number(count)).toBe(2000);
      expect(Number(right)).toBeGreaterThan(85); // 88 to 89: builds may round differently
      expect(await page.locator("#images figure").count()).toBe(12);
      expect(await page.locator("#images .right").count()).toBeGreaterThan(7);
      expect(complaints).toEqual([]);
      await close();
    },
    PATIENCE,
  );

  it(
    "trains as Node does, to the last printed digit, and stops when told to",
    async () => {
      const epochs: EpochOfPage[] = [];
      const engine = await createEngine({ threads: 1 });
      const stopped = new AbortController();
      const inNode = trainSmallNetwork(engine, await openDataset("fashion-mnist-mini"), {
        ...{ epochs: 3, seed: 1, signal: stopped.signal }, // the page's own: the schedule counts on all three epochs
        onEpoch: (epoch) => {
          epochs.push(epoch);
          stopped.abort();
        },
      });
      await expect(inNode).rejects.toThrow(/interrupted/);
      await engine.close();

      const { page, close, complaints } = await openPage(true);
      await page.click("#train");
      await page.waitForSelector("#epochs tr");
      await page.click("#stop");
      await page.waitForFunction(() => document.getElementById("progress")?.textContent === "stopped");
      const cells = await page.locator("#epochs tr").first().locator("td").allTextContents();
      const [{ epoch, loss, trainAccuracy, testAccuracy, packedBytes }] = epochs;
      const expected = [String(epoch), loss.toFixed(4), trainAccuracy.toFixed(2), testAccuracy.toFixed(2)];
      expect(cells.slice(0, 5)).toEqual([...expected, `${(packedBytes / 1000).toFixed(1)} kB`]);
      expect(await page.isEnabled("#train")).toBe(true);
      expect(complaints).toEqual([]);
      await close();
    },
    2 * PATIENCE,
  );
});
