import v8 from "node:v8";
import vm from "node:vm";
import { createEngine } from "@lowbit/core-tensor";
import { createRegistry } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { describe, expect, it } from "vitest";
import { generateTokens, languageModel, packedLanguageModels, planCellQuantization } from "../src/index.js";

const registry = createRegistry(wrpnPlugin);
v8.setFlagsFromString("--expose-gc");
const collectGarbage = vm.runInNewContext("gc") as () => void;

const WARM_UP = 100;
const TOKENS = 150; // so few that the young generation is not collected in between

interface Held {
  /** Objects, dead ones included. */
  readonly heap: number;
  /** What typed arrays lie in. */
  readonly arrays: number;
  readonly wasm: number;
}

/** How much more each is after a token than before it, in the mean, while a packed network writes. */
async function growthOfToken(vocabulary: number, hidden: number): Promise<Held> {
  const engine = await createEngine({ threads: 1 });
  const quantization = planCellQuantization([{ name: "layer0", hiddenSize: hidden }], {
    precision: "w2a2",
    scheme: registry.scheme("wrpn"),
  });
  const latent = languageModel("lstm", { vocabulary, hidden, layers: 1, streams: 1 }, { quantization, registry });
  const model = await packedLanguageModels.pack(latent, engine, registry);
  const hold = (): Held => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { heap: heapUsed, arrays: arrayBuffers, wasm: engine.memory().backendBytes };
  };
  let [written, before, after] = [0, hold(), hold()];
  for await (const _ of generateTokens(engine, model, { prompt: [0], length: WARM_UP + TOKENS })) {
    written++;
    if (written === WARM_UP) {
      collectGarbage();
      before = hold();
    }
    if (written === WARM_UP + TOKENS) after = hold();
  }
  await engine.close();
  const growth = (each: keyof Held) => (after[each] - before[each]) / TOKENS;
  return { heap: growth("heap"), arrays: growth("arrays"), wasm: growth("wasm") };
}

describe("a text that goes on", () => {
  it.each([
    { vocabulary: 20, hidden: 16 },
    { vocabulary: 5000, hidden: 16 },
    { vocabulary: 20, hidden: 128 },
  ])("makes no array for a token: $vocabulary tokens, $hidden hidden units", async ({ vocabulary, hidden }) => {
    const { heap, arrays, wasm } = await growthOfToken(vocabulary, hidden);
    expect(arrays).toBeLessThan(40); // somebody else made one or two; the smallest of ours would be 80 bytes for each token
    expect(wasm).toBe(0);
    expect(heap).toBeLessThan(28_000); // promises and views; the logits of 5,000 tokens would be 20,000 more
  });
});
