import { type Engine, FileFormatError, type HostTensor, isPacked, LowbitError } from "@lowbit/core-tensor";
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
import type { Quantization, Registry } from "@lowbit/quant";
import { type LanguageModel, languageModel } from "./language-model.js";
import type { LanguageModelOptions } from "./language-model-options.js";

// A packed language model on disk is one generation of a folder:
//
//   manifest.json                       what it is made of and how it was quantized, notes of the caller, checksums
//   packed.generation-1.safetensors     by name: codes (U8, k bits each), their scales, and what stayed fp32; no latent weights
//
// Its graph is not stored: the same code builds it that built the network which was trained.

const KIND = "lowbit-packed-language-model";
const VERSION = 1;
const PART = "packed.safetensors";

/** Whether a generation that was opened is one of a packed language model. */
export function isPackedLanguageModel({ state }: Generation): boolean {
  return isObject(state) && state.kind === KIND;
}

/**
 * Packs a trained language model: matrices become codes of a few bits. It computes what the trained one does in evaluation, bit for bit
 * on one backend and build.
 *
 * @param engine  holds the model's variables
 */
export async function packLanguageModel(
  model: LanguageModel,
  engine: Engine,
  registry: Registry,
): Promise<LanguageModel> {
  const stored = [...model.stored()];
  const values = await engine.evaluate(stored.map(([, tensor]) => tensor));
  const packed = new Map(stored.map(([name], i) => [name, values[i]]));
  return languageModel(model.name, model.options, { quantization: model.quantization, registry, packed });
}

/**
 * Writes a packed language model into a folder, whole or not at all.
 *
 * @param notes  anything that JSON holds: its vocabulary, what it was trained on
 */
export async function savePackedLanguageModel(
  storage: Storage,
  folder: string,
  { model, engine, notes }: { readonly model: LanguageModel; readonly engine: Engine; readonly notes: JsonObject },
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
  const state = { kind: KIND, version: VERSION, model: { name, options }, quantization, codes: shapes, notes };
  await commitGeneration(storage, folder, { parts: new Map([[PART, writeSafetensors(tensors)]]), state });
}

export interface PackedLanguageModel {
  readonly model: LanguageModel;
  readonly notes: JsonObject;
}

/**
 * The packed language model of a generation that is open already. Nothing in it is believed: the model is made of its options, and each
 * tensor has to be one that this model has.
 *
 * @param parseQuantization  reads how it was quantized, out of JSON that nobody vouches for
 * @throws {FileFormatError} when the folder holds something else, or something damaged
 */
export async function readPackedLanguageModel(
  generation: Generation,
  folder: string,
  {
    registry,
    parseQuantization,
  }: {
    readonly registry: Registry;
    readonly parseQuantization: (stored: JsonValue | undefined) => Quantization;
  },
): Promise<PackedLanguageModel> {
  const file = `${folder}/manifest.json`;
  const state = isObject(generation.state) ? generation.state : {};
  const { model: described, codes = {}, notes = {} } = state;
  if (
    state.kind !== KIND ||
    state.version !== VERSION ||
    !isObject(described) ||
    !isObject(codes) ||
    !isObject(notes)
  ) {
    throw new FileFormatError("this is no packed language model of a version that can be read", {
      where: file,
      want: `kind "${KIND}", version ${VERSION}, with model, codes and notes`,
    });
  }
  const { tensors } = readSafetensors(await generation.part(PART), { file: `${folder}, ${PART}` });
  const packed = new Map([...tensors].map(([name, tensor]) => [name, hostTensor(name, tensor, codes[name], folder)]));
  try {
    const quantization = parseQuantization(state.quantization);
    const options = described.options as unknown as LanguageModelOptions; // checked there
    const model = languageModel(String(described.name), options, { quantization, registry, packed });
    return { model, notes };
  } catch (cause) {
    if (!(cause instanceof LowbitError) || cause.code === "LOWBIT_CONFIGURATION") throw cause;
    throw new FileFormatError(`the language model in this folder can't be built: ${cause.message.split("\n")[0]}`, {
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
