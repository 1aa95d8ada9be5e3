import { type Engine, FileFormatError, type HostTensor, isPacked, LowbitError, type Tensor } from "@lowbit/core-tensor";
import {
  commitGeneration,
  type Generation,
  type JsonObject,
  type JsonValue,
  readSafetensors,
  type SafeTensor,
  type Storage,
  typedData,
  writeSafetensors,
} from "@lowbit/core-tensor/storage";
import type { Model } from "@lowbit/nn";
import type { Quantization, Registry } from "@lowbit/quant";
import type { RecurrentNetworkParts } from "./recurrent-network.js";

// A packed recurrent network on disk is one generation of a folder:
//
//   manifest.json                       what it is made of and how it was quantized, notes of the caller, checksums
//   packed.generation-1.safetensors     by name: codes (U8, k bits each), their scales, and what stayed fp32; no latent weights
//
// Its graph is not stored: the same code builds it that built the network which was trained.

const VERSION = 1;
const PART = "packed.safetensors";

/** What packing has to know of a network. */
interface Packable {
  readonly name: string;
  readonly options: Model["options"];
  readonly quantization: Quantization;
  stored(): ReadonlyMap<string, Tensor>;
}

/** One kind of packed networks. */
interface PackedKind<Network extends Packable> {
  /** In the manifest: "lowbit-packed-language-model" */
  readonly kind: string;
  /** For people: "language model" */
  readonly title: string;
  /** Makes one of its parts; checks the options, which may come from a file. */
  readonly build: (name: string, options: Network["options"], parts: RecurrentNetworkParts) => Network;
}

export interface ReadPackedOptions {
  readonly registry: Registry;
  /** Reads how it was quantized, out of JSON that nobody vouches for. */
  readonly parseQuantization: (stored: JsonValue | undefined) => Quantization;
}

/** How networks of one kind are packed, written and read. */
export interface PackedFolder<Network> {
  /** Whether a generation that was opened is one of a packed network of this kind. */
  isPacked(generation: Generation): boolean;
  /**
   * Packs a trained network: matrices become codes of a few bits. It computes what the trained one does in evaluation, bit for bit on one
   * backend and build.
   *
   * @param engine  holds the network's variables
   */
  pack(model: Network, engine: Engine, registry: Registry): Promise<Network>;
  /**
   * Writes a packed network into a folder, whole or not at all.
   *
   * @param notes  anything that JSON holds: its vocabulary, what it was trained on
   */
  save(
    storage: Storage,
    folder: string,
    what: { readonly model: Network; readonly engine: Engine; readonly notes: JsonObject },
  ): Promise<void>;
  /**
   * The packed network of a generation that is open already. Nothing in it is believed: the network is made of its options, and each tensor
   * has to be one that it has.
   *
   * @throws {FileFormatError} when the folder holds something else, or something damaged
   */
  read(
    generation: Generation,
    folder: string,
    options: ReadPackedOptions,
  ): Promise<{ readonly model: Network; readonly notes: JsonObject }>;
}

export function packedFolder<Network extends Packable>(of: PackedKind<Network>): PackedFolder<Network> {
  return {
    isPacked: ({ state }) => isObject(state) && state.kind === of.kind,
    pack: async (model, engine, registry) => {
      const stored = [...model.stored()];
      const values = await engine.evaluate(stored.map(([, tensor]) => tensor));
      const packed = new Map(stored.map(([name], i) => [name, values[i]]));
      return of.build(model.name, model.options, { quantization: model.quantization, registry, packed });
    },
    save: (storage, folder, what) => save(of.kind, storage, folder, what),
    read: (generation, folder, options) => read(of, generation, folder, options),
  };
}

async function save(
  kind: string,
  storage: Storage,
  folder: string,
  { model, engine, notes }: { readonly model: Packable; readonly engine: Engine; readonly notes: JsonObject },
): Promise<void> {
  const stored = [...model.stored()];
  const values = await engine.evaluate(stored.map(([, tensor]) => tensor));
  const tensors = new Map<string, SafeTensor>(
    values.map(({ dtype, shape, data }, i) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const described = isPacked(dtype)
        ? ({ dtype: "U8", shape: [bytes.length] } as const)
        : ({ dtype: "F32", shape } as const);
      return [stored[i][0], { ...described, data: bytes }];
    }),
  );
  const shapes = Object.fromEntries(
    values.flatMap(({ dtype, shape }, i) => (isPacked(dtype) ? [[stored[i][0], { dtype, shape }]] : [])),
  );
  const { name, options, quantization } = model;
  const described = { name, options };
  const state = { kind, version: VERSION, model: described, quantization, codes: shapes, notes };
  await commitGeneration(storage, folder, { parts: new Map([[PART, writeSafetensors(tensors)]]), state });
}

async function read<Network extends Packable>(
  { kind, title, build }: PackedKind<Network>,
  generation: Generation,
  folder: string,
  { registry, parseQuantization }: ReadPackedOptions,
): Promise<{ readonly model: Network; readonly notes: JsonObject }> {
  const file = `${folder}/manifest.json`;
  const state = isObject(generation.state) ? generation.state : {};
  const { model: described, codes = {}, notes = {} } = state;
  if (
    state.kind !== kind ||
    state.version !== VERSION ||
    !isObject(described) ||
    !isObject(codes) ||
    !isObject(notes)
  ) {
    throw new FileFormatError(`this is no packed ${title} of a version that can be read`, {
      where: file,
      want: `kind "${kind}", version ${VERSION}, with model, codes and notes`,
    });
  }
  const { tensors } = readSafetensors(await generation.part(PART), { file: `${folder}, ${PART}` });
  const packed = new Map([...tensors].map(([name, tensor]) => [name, hostTensor(name, tensor, codes[name], folder)]));
  try {
    const quantization = parseQuantization(state.quantization);
    const options = described.options as Network["options"]; // checked there
    const model = build(String(described.name), options, { quantization, registry, packed });
    return { model, notes };
  } catch (cause) {
    if (!(cause instanceof LowbitError) || cause.code === "LOWBIT_CONFIGURATION") throw cause;
    throw new FileFormatError(`the ${title} in this folder can't be built: ${cause.message.split("\n")[0]}`, {
      where: file,
      want: cause.want,
      cause,
    });
  }
}

/** A stored tensor with the dtype and the shape that the manifest gives it; the model compares both with its own. */
function hostTensor(name: string, tensor: SafeTensor, described: JsonValue | undefined, folder: string): HostTensor {
  const where = `${folder}, tensor ${JSON.stringify(name.slice(0, 100))}`;
  if (described === undefined) return { dtype: "f32", shape: tensor.shape, data: typedData(tensor, "F32", where) };
  const { dtype, shape } = isObject(described) ? described : {};
  if (typeof dtype !== "string" || !/^p[1-8]$/.test(dtype) || !isShape(shape)) {
    throw new FileFormatError("the description of packed codes makes no sense", {
      where,
      want: "dtype p1 to p8 and a shape",
    });
  }
  return { dtype: dtype as "p1", shape, data: typedData(tensor, "U8", where) };
}

const isShape = (value: JsonValue | undefined): value is number[] =>
  Array.isArray(value) && value.length <= 8 && value.every((size) => Number.isSafeInteger(size) && Number(size) >= 0);

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);
