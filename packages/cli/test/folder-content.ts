import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/**
 * SHA-256 of the parts of a run: weights, optimiser state and log. Numbers of generations are left out, since a run that was
 * stopped has had more of them. Folders inside are left out.
 */
export function contentOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "manifest.json")
    .map(({ name }): [string, string] => [
      name.replace(/\.generation-\d+/, ""),
      hash(readFileSync(join(folder, name))),
    ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
