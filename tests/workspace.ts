import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly license?: string | { readonly type: string };
  readonly type?: string;
  readonly engines?: Record<string, string>;
  readonly scripts?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
  readonly devDependencies?: Record<string, string>;
  readonly exports?: Record<string, unknown>;
  readonly bin?: Record<string, string>;
  readonly files?: readonly string[];
}

export interface WorkspacePackage {
  /** Relative to the root, for example "packages/nn". */
  readonly folder: string;
  readonly manifest: Manifest;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Every package of the workspace, apps included. */
export function listPackages(): WorkspacePackage[] {
  return ["packages", "apps"].flatMap((group) =>
    readdirSync(join(root, group))
      .map((name) => `${group}/${name}`)
      .filter((folder) => existsSync(join(root, folder, "package.json")))
      .map((folder) => ({ folder, manifest: readManifest(join(root, folder)) })),
  );
}

/** Packages that npm gets. */
export function listPublished(): WorkspacePackage[] {
  return listPackages().filter(({ manifest }) => manifest.private !== true);
}

/** Paths, relative to the root, of the TypeScript files under a folder; those compiled by AssemblyScript are not among them. */
export function listSources(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((path) => !path.includes("/assembly/"))
    .sort();
}

/** Everything that `npm install` of the published packages would bring, by "name@version"; our own packages are left out. */
export function listProductionTree(): Map<string, { folder: string; manifest: Manifest }> {
  const tree = new Map<string, { folder: string; manifest: Manifest }>();
  const visit = (folder: string, manifest: Manifest): void => {
    const needed = { ...manifest.dependencies, ...manifest.optionalDependencies };
    for (const name of Object.keys(needed)) {
      const found = findInstalled(name, folder);
      if (found === undefined) {
        if (manifest.optionalDependencies?.[name] !== undefined) continue; // not for this machine
        throw new Error(`${manifest.name} needs ${name}, which is not installed`);
      }
      if (found.startsWith(join(root, "packages"))) continue; // ours: visited by itself
      const dependency = readManifest(found);
      const key = `${dependency.name}@${dependency.version}`;
      if (tree.has(key)) continue;
      tree.set(key, { folder: found, manifest: dependency });
      visit(found, dependency);
    }
  };
  for (const { folder, manifest } of listPublished()) visit(join(root, folder), manifest);
  return tree;
}

/** The folder from which `name` is resolved by a module in `folder`, as Node looks for it. */
function findInstalled(name: string, folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return realpathSync(candidate);
    if (at === dirname(at)) return undefined;
  }
}
