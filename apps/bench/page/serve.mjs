// Builds the page and serves it: `pnpm page`. With cross-origin isolation, so that threads can share memory; `--alone` leaves it out.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, preview } from "vite";

const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const here = fileURLToPath(new URL(".", import.meta.url));

const configOf = (outDir) => ({
  root: here,
  base: "./",
  configFile: false,
  logLevel: "warn",
  build: { outDir, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0 },
  worker: { format: "es" },
});

/** Builds the page into a folder: plain files that any web server can serve. */
export async function buildPage(outDir = `${here}dist`) {
  await build(configOf(outDir));
}

/** Serves a page that was built; resolves to its address and a function that ends it. */
export async function servePage({ outDir = `${here}dist`, port = 0, isIsolated = true } = {}) {
  const headers = isIsolated ? ISOLATION : {};
  const server = await preview({ ...configOf(outDir), preview: { host: "127.0.0.1", port, headers } });
  const address = server.httpServer.address();
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "4173" }, alone: { type: "boolean", default: false } },
  });
  await buildPage();
  const { url } = await servePage({ port: Number(values.port), isIsolated: !values.alone });
  console.log(`lowbit in the browser: ${url} (Ctrl-C ends it)`);
}
