import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigurationError } from "@lowbit/core-tensor";
import { type JsonObject, type JsonValue, joinPath, parseJson, type Storage } from "@lowbit/core-tensor/storage";
import { builtIns, createRegistry, type QuantizerPlugin, type Registry } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { z } from "zod";

const CONFIG_FILE = "lowbit.config.json";

/** What npm lets a package be called, and nothing that could be a path: no dots in front, one slash behind a scope. */
const packageName = z
  .string()
  .regex(/^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/, "the bare name of an installed package");

const configSchema = z.strictObject({ $schema: z.string().optional(), plugins: z.array(packageName).default([]) });

/** The quantizers of lowbit alone. */
export const ownRegistry = (): Registry => createRegistry(builtIns, wrpnPlugin);

/**
 * The quantizers of lowbit, and those of the packages that the user named: in `lowbit.config.json` of the working folder, or by
 * `--plugin`. They are looked for from there. Nothing else ever loads code.
 *
 * @throws {ConfigurationError} for a name that is none, a package that is not installed, or one that is no plugin
 */
export async function loadRegistry(storage: Storage, named: readonly string[] = []): Promise<Registry> {
  for (const name of named) {
    if (packageName.safeParse(name).success) continue;
    throw new ConfigurationError(`a plugin can't be called ${JSON.stringify(name)}`, {
      where: "--plugin",
      want: "the bare name of an installed package, such as lowbit-quantizer-halves",
      got: name,
    });
  }
  const folder = process.cwd();
  const names = new Set([...(await readConfig(storage, folder)), ...named]);
  const plugins: QuantizerPlugin[] = [];
  for (const name of names) plugins.push(await loadPlugin(storage, name, folder));
  return createRegistry(builtIns, wrpnPlugin, ...plugins);
}

async function readConfig(storage: Storage, folder: string): Promise<readonly string[]> {
  const path = joinPath(folder, CONFIG_FILE);
  if (!(await storage.exists(path))) return [];
  const document = parseJson(await storage.read(path, { limit: 2 ** 20 }), { file: CONFIG_FILE });
  const parsed = configSchema.safeParse(document);
  if (parsed.success) return parsed.data.plugins;
  const [{ path: place, message }] = parsed.error.issues;
  throw new ConfigurationError(`${CONFIG_FILE} can't be used`, {
    where: [CONFIG_FILE, ...place].join(", "),
    want: message,
  });
}

/** The file that `import NAME` would load from a package's folder: its `exports` for import, else its `main`. */
function entryOf(manifest: JsonObject): string {
  let entry: JsonValue | undefined = manifest.exports;
  while (entry !== null && typeof entry === "object" && !Array.isArray(entry)) {
    entry = entry["."] ?? entry.node ?? entry.import ?? entry.module ?? entry.default;
  }
  const main = entry ?? manifest.main ?? "index.js";
  return typeof main === "string" ? main : "index.js";
}

/** Where a package is installed, looked for from `folder` upwards as Node does. */
async function findPackage(storage: Storage, name: string, folder: string): Promise<string> {
  for (const place of createRequire(join(folder, "here.js")).resolve.paths(name) ?? []) {
    if (await storage.exists(join(place, name, "package.json"))) return join(place, name);
  }
  throw new ConfigurationError(`the plugin ${JSON.stringify(name)} is not installed`, {
    where: folder,
    hint: `npm install ${name}`,
  });
}

const TENSORS = "@lowbit/core-tensor";

/** The package of tensors that code in a file loads, by the place where it really lies; undefined where it finds none. */
async function tensorsOf(storage: Storage, file: string): Promise<string | undefined> {
  const require = createRequire(file);
  for (const place of require.resolve.paths(TENSORS) ?? []) {
    const manifest = join(place, TENSORS, "package.json");
    if (await storage.exists(manifest)) return require.resolve(manifest);
  }
  return undefined;
}

/** A plugin that is linked into a folder brings what is installed beside it: its tensors would be none to this program. */
async function checkOneCopy(storage: Storage, name: string, entry: string): Promise<void> {
  if (!(await storage.exists(entry))) return; // importing it says so
  const real = createRequire(entry).resolve(entry);
  const [ours, theirs] = [await tensorsOf(storage, fileURLToPath(import.meta.url)), await tensorsOf(storage, real)];
  if (ours === undefined || theirs === undefined || ours === theirs) return;
  throw new ConfigurationError(`the plugin ${JSON.stringify(name)} brings a copy of ${TENSORS} of its own`, {
    where: real,
    want: `the one in ${ours}: as a peer dependency there is one copy`,
    got: theirs,
    hint: "npm install --install-links FOLDER copies a package from a folder instead of linking it",
  });
}

async function loadPlugin(storage: Storage, name: string, folder: string): Promise<QuantizerPlugin> {
  const installed = await findPackage(storage, name, folder);
  const file = join(installed, "package.json");
  const manifest = parseJson(await storage.read(file, { limit: 2 ** 20 }), { file }) as JsonObject;
  const entry = join(installed, entryOf(manifest));
  await checkOneCopy(storage, name, entry);
  let module: { plugin?: unknown };
  try {
    module = await import(pathToFileURL(entry).href);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new ConfigurationError(`the plugin ${JSON.stringify(name)} failed to load: ${reason}`, {
      where: installed,
      cause,
    });
  }
  const { quantizers, schemes } = (module.plugin ?? {}) as Partial<QuantizerPlugin>;
  if (!Array.isArray(quantizers) || !Array.isArray(schemes)) {
    throw new ConfigurationError(`the package ${JSON.stringify(name)} is no plugin of lowbit`, {
      where: installed,
      want: "an export called plugin with the lists quantizers and schemes",
    });
  }
  return { package: name, quantizers, schemes };
}
