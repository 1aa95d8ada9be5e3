import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openGeneration, openStorage } from "@lowbit/core-tensor/storage";

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** All that a run's folder says, part by part as SHA-256: weights, optimiser, log and state. The number of the generation may differ. */
export async function folderContent(folder: string): Promise<Record<string, string>> {
  const generation = await openGeneration(openStorage(), folder);
  if (!generation) return {};
  const content: Record<string, string> = { state: sha256(JSON.stringify(generation.state)) };
  for (const name of generation.partNames) content[name] = sha256(await generation.part(name));
  const log = join(folder, "log.jsonl");
  if (existsSync(log)) content.log = sha256(readFileSync(log));
  return content;
}

/** Every file of a folder with its bytes, as one text: what a program finds that starts there. Names of temporaries hold a process number. */
export function folderState(folder: string): string {
  if (!existsSync(folder)) return "none";
  return readdirSync(folder)
    .map(
      (name) => `${name.replace(/\.\d+-\d+\.lowbit-tmp$/, ".lowbit-tmp")} ${sha256(readFileSync(join(folder, name)))}`,
    )
    .sort()
    .join("\n");
}

/** Files that no generation refers to, the log apart: 0 after every start. */
export function strayFiles(folder: string): string[] {
  const generation = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const parts = Object.values(generation.parts as Record<string, { file: string }>).map(({ file }) => file);
  return readdirSync(folder).filter((name) => !["manifest.json", "log.jsonl", ...parts].includes(name));
}
