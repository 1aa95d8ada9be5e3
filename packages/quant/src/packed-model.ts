import {
  bytesOf,
  elementsOf,
  FileFormatError,
  type HostTensor,
  restoreGraph,
  rewrite,
  type StoredGraph,
  storeGraph,
  type Tensor,
  topologicalOrder,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { parsePrecision } from "./precision.js";
import type { ChosenQuantizer, Quantization } from "./quantization.js";

/** A converted network: a frozen graph with packed weights and integer kernels. It has no variables to train. */
export interface PackedModel extends Model {
  readonly quantization: Quantization;
  /** The graph for a batch of one; its input is named "images". */
  readonly output: Tensor;
  /** Bytes of all its tensors. */
  readonly packedBytes: number;
  /** Bytes that the variables it was made of took in fp32. */
  readonly latentBytes: number;
}

export type PackedParts = Pick<
  PackedModel,
  "name" | "options" | "inputShape" | "quantization" | "latentBytes" | "output"
>;

export function packedModel(parts: PackedParts): PackedModel {
  const constants = topologicalOrder([parts.output]).filter(
    ({ op, shape }) => op.name === "constant" && shape.length > 0,
  );
  return {
    ...parts,
    variables: [],
    packedBytes: constants.reduce((sum, { dtype, shape }) => sum + bytesOf(dtype, elementsOf(shape)), 0),
    forward: (x) => rewrite([parts.output], (node) => (node.op.name === "input" ? x : undefined))[0],
  };
}

/** What a folder keeps of a packed model: JSON, and its tensors by name. */
export interface StoredPackedModel {
  readonly kind: "lowbit-packed";
  readonly version: 1;
  readonly name: string;
  readonly options: Model["options"];
  readonly inputShape: readonly number[];
  readonly latentBytes: number;
  readonly quantization: Quantization;
  readonly graph: StoredGraph;
}

export function storePackedModel(model: PackedModel): { json: StoredPackedModel; tensors: Map<string, HostTensor> } {
  const { name, options, inputShape, latentBytes, quantization } = model;
  const { graph, tensors } = storeGraph({ logits: model.output });
  const json = {
    kind: "lowbit-packed",
    version: 1,
    name,
    options,
    inputShape,
    latentBytes,
    quantization,
    graph,
  } as const;
  return { json, tensors };
}

/**
 * Builds a stored packed model again.
 *
 * @throws {FileFormatError} when the JSON is of another kind or version, or its graph does not hold together
 */
export function restorePackedModel(
  json: StoredPackedModel,
  tensors: ReadonlyMap<string, HostTensor>,
  { file = "manifest.json" }: { file?: string } = {},
): PackedModel {
  if (json?.kind !== "lowbit-packed" || json.version !== 1) {
    throw new FileFormatError("this is no packed network of a version that can be read", {
      where: file,
      want: 'kind "lowbit-packed", version 1',
      got: [json?.kind, json?.version],
    });
  }
  const { inputs, outputs } = restoreGraph(json.graph, tensors, { batch: 1, file });
  const images = inputs.get("images");
  const isFit = images && outputs.logits && inputs.size === 1 && isSameShape(json.inputShape, images.shape.slice(1));
  if (!isFit)
    throw new FileFormatError("the packed network's graph does not go from images to logits", { where: file });
  const { name, options, inputShape, latentBytes, quantization } = checkDescription(json, file);
  return packedModel({ name, options, inputShape, latentBytes, quantization, output: outputs.logits });
}

const isObject = (value: unknown): boolean => value !== null && typeof value === "object" && !Array.isArray(value);

const isSameShape = (shape: unknown, wanted: readonly number[]): boolean =>
  Array.isArray(shape) && shape.length === wanted.length && wanted.every((size, axis) => shape[axis] === size);

/** What a packed network says about itself is printed and counted with, so it has to be what it seems. */
function checkDescription(json: StoredPackedModel, file: string): StoredPackedModel {
  const { name, options, latentBytes, quantization } = json;
  const { scheme, schemeVersion, precision, layers } = isObject(quantization) ? quantization : ({} as Quantization);
  const isSound =
    typeof name === "string" &&
    isObject(options) &&
    Number.isSafeInteger(latentBytes) &&
    latentBytes >= 0 &&
    typeof scheme === "string" &&
    Number.isSafeInteger(schemeVersion) &&
    typeof precision === "string" &&
    Array.isArray(layers) &&
    layers.every(
      (each) => isObject(each) && typeof each.layer === "string" && [each.weight, each.input].every(isChoice),
    );
  if (!isSound) throw new FileFormatError("what the packed network says about itself makes no sense", { where: file });
  try {
    parsePrecision(precision);
  } catch (cause) {
    throw new FileFormatError("the packed network's precision is none", { where: `${file}, quantization`, cause });
  }
  return json;
}

const isChoice = (choice: ChosenQuantizer | undefined): boolean =>
  choice === undefined || (isObject(choice) && typeof choice.quantizer === "string");
