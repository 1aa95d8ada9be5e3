import { ArgumentError, type Engine } from "@lowbit/core-tensor";
import { type Storage, sha256 } from "@lowbit/core-tensor/storage";
import type { Dataset } from "@lowbit/data";
import { type FrozenTeacher, frozenTeacher, identifyNetwork, type TeacherNetwork } from "@lowbit/distill";
import { type Registry, storePackedModel } from "@lowbit/quant";
import { type Network, openNetwork } from "./network-folder.js";

/**
 * The networks of some folders as one teacher, their weights on the engine: trained or packed, of any precision.
 *
 * @param where  what the folders were given as, for errors
 * @throws {ArgumentError} for a folder that is missing, and for networks made for other images, classes or normalisation
 */
export async function openTeacher(
  storage: Storage,
  folders: readonly string[],
  { engine, registry, dataset, where }: { engine: Engine; registry: Registry; dataset: Dataset; where: string },
): Promise<FrozenTeacher> {
  const networks: TeacherNetwork[] = [];
  for (const folder of folders) {
    const network = await openNetwork(storage, folder, registry);
    checkTeaches(network, dataset, where);
    await network.load(engine);
    networks.push({ model: network.model, identity: await identityOf(network, engine) });
  }
  return frozenTeacher(networks);
}

async function identityOf(network: Network, engine: Engine): Promise<string> {
  const { layers } = network.model.quantization;
  if (network.kind === "trained") {
    const quantization = JSON.stringify(layers);
    return identifyNetwork(engine, network.model, layers.length > 0 ? { quantization } : {});
  }
  const { json, tensors } = storePackedModel(network.model);
  const checksums: string[] = [];
  for (const [name, { dtype, shape, data }] of tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    checksums.push(`${name} ${dtype} [${shape}] ${await sha256(bytes)}`);
  }
  return sha256(new TextEncoder().encode(JSON.stringify({ json, checksums })));
}

function checkTeaches({ folder, model, notes }: Network, dataset: Dataset, where: string): void {
  const describe = (shape: readonly number[], classes: number, normalisation: unknown): string =>
    `images [${shape.join(", ")}] of ${classes} classes, normalised by ${JSON.stringify(normalisation)}`;
  const { classes, normalisation } = notes.data;
  const has = describe(model.inputShape, classes.length, normalisation);
  const { mean, std } = dataset.normalisation;
  const wants = describe(dataset.imageShape, dataset.classes.length, { mean, std });
  if (has === wants) return;
  const headline = `the network in ${folder} can't teach a student of ${dataset.name}`;
  throw new ArgumentError(headline, { where, want: wants, got: has });
}
