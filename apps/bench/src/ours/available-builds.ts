import { createEngine } from "@lowbit/core-tensor";

export type BuildName = "portable" | "relaxed";

/** The builds of our wasm backend that work in this Node, the engine's default first; `only` that one where it is given. */
export async function availableBuilds(only?: BuildName): Promise<readonly BuildName[]> {
  const engine = await createEngine({ threads: 1, build: "fastest" });
  const { build } = engine.backend;
  await engine.close();
  const builds: readonly BuildName[] = build === "relaxed" ? ["portable", "relaxed"] : ["portable"];
  if (only === undefined) return builds;
  if (!builds.includes(only)) throw new Error(`the ${only} build does not work in Node ${process.versions.node}`);
  return [only];
}
