import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { createMemoryDisk, createStorage, openGeneration, readSafetensors } from "@lowbit/core-tensor/storage";
import { compileForward, createModel } from "@lowbit/nn";
import { afterAll, describe, expect, it } from "vitest";
import {
  builtIns,
  convert,
  createRegistry,
  loadPackedFolder,
  type PackedModel,
  prepare,
  savePackedFolder,
} from "../src/index.js";

const engine = await createEngine({ backend: "js" });
afterAll(() => engine.close());
const registry = createRegistry(builtIns);
const scheme = registry.scheme("uniform");

async function packedCnn(precision: string): Promise<PackedModel> {
  const model = createModel("simple-cnn", { inputShape: [1, 8, 8], classes: 3, seed: 4 });
  return convert(await prepare(model, { precision, scheme, registry }), engine);
}

const images: HostTensor = {
  dtype: "f32",
  shape: [2, 1, 8, 8],
  data: Float32Array.from({ length: 128 }, (_, i) => Math.sin(i)),
};
const logitsOf = async (model: PackedModel) => (await compileForward(engine, model)({ images })).logits.data;

describe("a packed folder", () => {
  it.each(["w2a2", "w4a8", "w3a32"])(
    "gives a %s network back with the same logits and its notes",
    async (precision) => {
      const storage = createStorage(createMemoryDisk(), () => "1");
      const model = await packedCnn(precision);
      await savePackedFolder(storage, "net", model, { classes: ["a", "b", "__proto__"] });
      const { model: read, notes } = await loadPackedFolder(storage, "net");
      expect(await logitsOf(read)).toEqual(await logitsOf(model));
      expect(read).toMatchObject({
        name: "simple-cnn",
        quantization: model.quantization,
        packedBytes: model.packedBytes,
        latentBytes: model.latentBytes,
      });
      expect(notes.classes).toEqual(["a", "b", "__proto__"]);
    },
  );

  it("holds no tensor of the size of latent weights for a quantized layer", async () => {
    const storage = createStorage(createMemoryDisk(), () => "1");
    await savePackedFolder(storage, "net", await packedCnn("w2a2"));
    const part = await (await openGeneration(storage, "net"))?.part("packed.safetensors");
    const { tensors, metadata } = readSafetensors(part as Uint8Array, { file: "packed.safetensors" });
    const conv2 = 32 * 16 * 3 * 3; // weights of the one layer between first and last
    expect([...tensors.values()].filter(({ dtype }) => dtype === "U8").map(({ data }) => data.length)).toEqual([
      (conv2 * 2) / 8,
    ]);
    expect([...tensors.values()].filter(({ data }) => data.length >= conv2 * 4)).toEqual([]);
    expect(JSON.parse(metadata.get("quantization") as string).precision).toBe("w2a2");
  });

  it("that holds nothing is refused by name", async () => {
    const storage = createStorage(createMemoryDisk(), () => "1");
    await expect(loadPackedFolder(storage, "net")).rejects.toMatchObject({ code: "LOWBIT_FILE_FORMAT", where: "net" });
  });
});
