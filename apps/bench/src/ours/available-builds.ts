import { createEngine } from "@lowbit/core-tensor";

export type BuildName = "portable" | "relaxed";

/** The builds of our wasm backend that work in this Node, the engine's default first. */
export async function availableBuilds(): Promise<readonly BuildName[]> {
  const engine = await createEngine({ threads: 1, build: "fastest" });
  const { build } = engine.backend;
  await engine.close();
  return build === "relaxed" ? ["portable", "relaxed"] : ["portable"];
}
