import {
  add,
  bytesOf,
  elementsOf,
  FileFormatError,
  type HostTensor,
  inLayer,
  matmul,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { type Context, type DropoutLayerOptions, dropoutLayer, type Layer } from "@lowbit/nn";
import type { Quantization, Registry } from "@lowbit/quant";
import { CellParameters } from "../cells/cell-parameters.js";
import { gruCell } from "../cells/gru-cell.js";
import { lstmCell } from "../cells/lstm-cell.js";
import type { CellOptions, RecurrentCell, RecurrentState } from "../cells/recurrent-cell.js";
import { vanillaCell } from "../cells/vanilla-cell.js";
import { bindCellQuantizers } from "../quantization/plan-cell-quantization.js";

export interface RecurrentNetworkParts {
  /** Names the quantizers of the recurrent layers; embedding and output layer stay fp32. Nothing is quantized where absent. */
  readonly quantization: Quantization;
  /** Has those quantizers. */
  readonly registry: Registry;
  /** The tensors of a packed network by their names: it has no variables then, and can't be trained. */
  readonly packed?: ReadonlyMap<string, HostTensor>;
}

export type AnyCell = RecurrentCell<RecurrentState>;

/** Callers that name no tensor of a state may treat all cells alike: their types differ in the state alone. */
export const cells: ReadonlyMap<string, (options: CellOptions) => AnyCell> = new Map([
  ["lstm", (options) => lstmCell(options) as unknown as AnyCell],
  ["gru", (options) => gruCell(options)],
  ["vanilla", (options) => vanillaCell(options)],
]);

/** The names of the recurrent layers, from the bottom up. */
export const recurrentLayerNames = (layers: number): string[] => Array.from({ length: layers }, (_, i) => `layer${i}`);

interface Sizes {
  /** Rows of the embedding. */
  readonly tokens: number;
  readonly outputs: number;
  readonly hidden: number;
  readonly layers: number;
  readonly dropout: number;
  readonly variational: boolean;
  readonly tied: boolean;
  readonly seed: number;
}

/** What networks that read tokens have in common: an embedding, recurrent layers, and an output layer. */
export interface RecurrentNetwork {
  /** [tokens, hidden] f32 */
  readonly table: Tensor;
  readonly recurrent: readonly AnyCell[];
  readonly parameters: readonly Variable[];
  readonly latentBytes: number;
  readonly packedBytes: number;
  stored(): ReadonlyMap<string, Tensor>;
  /** Dropout before layer i, or before the output layer where i is the number of layers. */
  drop(x: Tensor, i: number, context: Context): Tensor;
  /** Logits [M, outputs] of x [M, hidden]. */
  output(x: Tensor, context: Context): Tensor;
}

/** @throws {FileFormatError} when `packed` lacks a tensor, has one too many, or one of another shape */
export function recurrentNetwork(
  makeCell: (options: CellOptions) => AnyCell,
  { tokens, outputs, hidden, layers, dropout, variational, tied, seed }: Sizes,
  { quantization, registry, packed }: RecurrentNetworkParts,
): RecurrentNetwork {
  const described = new Map(quantization.layers.map((each) => [each.layer, each]));
  const recurrent = recurrentLayerNames(layers).map((layer) =>
    makeCell({
      ...{ name: layer, inputSize: hidden, hiddenSize: hidden, seed, packed },
      quantizers: bindCellQuantizers(described.get(layer), registry),
    }),
  );
  const inner = { inputSize: hidden, hiddenSize: hidden, seed, packed };
  const embedding = new CellParameters({ name: "embedding", ...inner });
  const table = embedding.table("weight", [tokens, hidden], tied ? TIED_EMBEDDING_REACH : EMBEDDING_REACH);
  const output = new CellParameters({ name: "output", ...inner });
  const classifier = tied ? undefined : output.matrix("weight", [outputs, hidden], "weight");
  const bias = output.vector("bias", [0], outputs);
  const drops =
    dropout === 0 ? [] : dropoutLayers(recurrent, { rate: dropout, sharedAxes: variational ? [0] : [], seed });
  const stored = () => new Map([embedding, ...recurrent, output].flatMap((part) => [...part.stored()]));
  if (packed) refuseStrangers(packed, stored());
  return {
    table,
    recurrent,
    parameters: [embedding, ...recurrent, output, ...drops].flatMap(({ variables }) => variables),
    ...sizesOf(stored()),
    stored,
    drop: (x, i, context) => drops[i]?.forward(x, context) ?? x,
    output: (x, context) => {
      const product = classifier?.open(context) ?? ((y: Tensor) => matmul(y, table, { transposeB: true }));
      return inLayer("output", () => add(product(x), bias));
    },
  };
}

/** Embeddings start uniform in ±1: the grid of quantized inputs. */
const EMBEDDING_REACH = 1;
/** As an output layer too large a matrix begins with logits that are sure of themselves. */
const TIED_EMBEDDING_REACH = 0.1;

const dropoutLayers = (recurrent: readonly AnyCell[], options: Omit<DropoutLayerOptions, "name">): Layer[] =>
  [...recurrent.map((cell) => cell.name), "output"].map((layer) =>
    dropoutLayer({ name: `${layer}.dropout`, ...options }),
  );

function sizesOf(stored: ReadonlyMap<string, Tensor>): Pick<RecurrentNetwork, "latentBytes" | "packedBytes"> {
  const tensors = [...stored].map(([name, { dtype, shape }]) => ({ name, dtype, elements: elementsOf(shape) }));
  const parameters = tensors.filter(({ name }) => !name.endsWith(".scale"));
  return {
    latentBytes: parameters.reduce((sum, { elements }) => sum + bytesOf("f32", elements), 0),
    packedBytes: tensors.reduce((sum, { dtype, elements }) => sum + bytesOf(dtype, elements), 0),
  };
}

function refuseStrangers(packed: ReadonlyMap<string, HostTensor>, known: ReadonlyMap<string, Tensor>): void {
  const stranger = [...packed.keys()].find((name) => !known.has(name));
  if (stranger === undefined) return;
  throw new FileFormatError(`a tensor ${JSON.stringify(stranger.slice(0, 100))} belongs to no layer`, {
    want: "the tensors of this model, no more and no fewer",
  });
}
