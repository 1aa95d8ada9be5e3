import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, type Rollup } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CheckGpu, LoseContext } from "./in-browser.js";

const CHROMIUM = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));
if (!CHROMIUM) console.warn("WebGL2 and WebGPU were not tried: install Chromium, or name it in the variable CHROMIUM");

const PATIENCE = 300_000;
/** A graphics processor played in software: SwiftShader. */
const IN_SOFTWARE = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
const QUIET = ["--no-first-run", "--disable-background-networking", "--disable-sync", "--disable-quic"];

describe.skipIf(!CHROMIUM)("gpu.js in Chromium, graphics in software", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const built = (await build({
      configFile: false,
      logLevel: "error",
      build: {
        ...{ write: false, minify: false, target: "es2022" },
        lib: { entry: fileURLToPath(new URL("in-browser.ts", import.meta.url)), formats: ["iife"], name: "inBrowser" },
      },
    })) as Rollup.RollupOutput[];
    const { code } = built[0].output[0];
    server = createServer(({ url }, response) => {
      response.setHeader("content-type", `text/${url === "/code.js" ? "javascript" : "html"}; charset=utf-8`);
      response.end(url === "/code.js" ? code : '<!doctype html><script src="/code.js"></script>');
    }).listen(0, "127.0.0.1");
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", ...QUIET, ...IN_SOFTWARE],
      timeout: PATIENCE,
    });
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }, PATIENCE);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each([
    [undefined, "webgpu", 7], // the first that works
    ["webgl2", "webgl2", 31],
  ])(
    "computes as the reference does in the mode %s",
    async (mode, build, every) => {
      const found = await page.evaluate(
        ([wanted, share]) => (globalThis as unknown as { checkGpu: CheckGpu }).checkGpu(wanted, share),
        [mode, process.env.LOWBIT_ALL_GPU_CASES ? 1 : every] as const,
      );
      expect(found.build).toBe(build);
      expect(found.findings.filter(({ difference, mustBeExact }) => difference > (mustBeExact ? 0 : 1e-5))).toEqual([]);
      expect(found.networks.filter(({ difference }) => difference > 1e-5)).toEqual([]);
      const whole = found.networks.filter(({ name }) => /sums|joined|classes/.test(name));
      expect(whole.map(({ difference }) => difference)).toEqual(whole.map(() => 0));
    },
    PATIENCE,
  );

  it(
    "refuses with a name when the WebGL context is lost, and a new engine goes on",
    async () => {
      const found = await page.evaluate(() => (globalThis as unknown as { loseContext: LoseContext }).loseContext());
      expect(found).toEqual({ code: "LOWBIT_BACKEND", goesOn: true });
    },
    PATIENCE,
  );
});
