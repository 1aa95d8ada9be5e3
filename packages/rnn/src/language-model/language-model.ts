import {
  ArgumentError,
  add,
  bytesOf,
  currentTrace,
  elementsOf,
  FileFormatError,
  gather,
  type HostTensor,
  inLayer,
  matmul,
  reshape,
  ShapeError,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { type Context, type DropoutLayerOptions, didYouMean, dropoutLayer, type Layer, type Model } from "@lowbit/nn";
import type { Quantization, Registry } from "@lowbit/quant";
import { type CarriedState, carryState } from "../carried-state.js";
import { CellParameters } from "../cells/cell-parameters.js";
import { gruCell } from "../cells/gru-cell.js";
import { lstmCell } from "../cells/lstm-cell.js";
import type { CellOptions, RecurrentCell, RecurrentState } from "../cells/recurrent-cell.js";
import { vanillaCell } from "../cells/vanilla-cell.js";
import { bindCellQuantizers } from "../quantization/plan-cell-quantization.js";
import { unroll } from "../unroll.js";
import { checkLanguageModelOptions, type LanguageModelOptions, languageModelNames } from "./language-model-options.js";

/** A network that reads tokens one after the other and says after each which may come next. */
export interface LanguageModel extends Model {
  readonly options: Required<LanguageModelOptions> & Model["options"];
  readonly quantization: Quantization;
  /** Bytes of its parameters in fp32. */
  readonly latentBytes: number;
  /** Bytes of what a packed network keeps. */
  readonly packedBytes: number;
  readonly carried: readonly Variable[];
  /** What conversion keeps: each tensor by its name. */
  stored(): ReadonlyMap<string, Tensor>;
  /** Logits [T · N, vocabulary] for tokens [T, N] (i32): N sequences side by side, which go on where the call before left them. */
  forward(tokens: Tensor, context: Context): Tensor;
}

export interface LanguageModelParts {
  /** Names the quantizers of the recurrent layers; embedding and output layer stay fp32. Nothing is quantized where absent. */
  readonly quantization: Quantization;
  /** Has those quantizers. */
  readonly registry: Registry;
  /** The tensors of a packed model by their names: it has no variables then, and can't be trained. */
  readonly packed?: ReadonlyMap<string, HostTensor>;
}

type AnyCell = RecurrentCell<RecurrentState>;

/** Callers that name no tensor of a state may treat all cells alike: their types differ in the state alone. */
const cells: ReadonlyMap<string, (options: CellOptions) => AnyCell> = new Map([
  ["lstm", (options) => lstmCell(options) as unknown as AnyCell],
  ["gru", (options) => gruCell(options)],
  ["vanilla", (options) => vanillaCell(options)],
]);

/** The names of the recurrent layers, from the bottom up. */
export const recurrentLayerNames = (layers: number): string[] => Array.from({ length: layers }, (_, i) => `layer${i}`);

/**
 * A language model: an embedding, recurrent layers, and an output layer. Its state is carried from call to call: a long text is read in
 * pieces of T tokens, values flow from piece to piece, gradients do not. Training and evaluation carry states of their own, and one
 * for each number of sequences.
 *
 * @param name  of its cells: lstm, gru or vanilla
 * @throws {ArgumentError} for an unknown name or an option that makes no sense
 * @throws {FileFormatError} when `packed` lacks a tensor, has one too many, or one of another shape
 * @example
 * const quantization = planCellQuantization([{ name: "layer0", hiddenSize: 128 }], { precision: "w4a4", scheme: wrpn });
 * const model = languageModel("lstm", { vocabulary: 64, hidden: 128, streams: 8 }, { quantization, registry });
 */
export function languageModel(
  name: string,
  options: LanguageModelOptions,
  { quantization, registry, packed }: LanguageModelParts,
): LanguageModel {
  const makeCell = cells.get(name);
  if (!makeCell) {
    const near = didYouMean(name, languageModelNames);
    throw new ArgumentError(`there is no language model "${name}"`, {
      want: languageModelNames.join(", "),
      got: name,
      hint: near && `did you mean "${near}"?`,
    });
  }
  const complete = checkLanguageModelOptions(options);
  const { vocabulary, hidden, layers, streams, dropout, variational, tied, seed } = complete;
  const described = new Map(quantization.layers.map((each) => [each.layer, each]));
  const recurrent = recurrentLayerNames(layers).map((layer) =>
    makeCell({
      ...{ name: layer, inputSize: hidden, hiddenSize: hidden, seed, packed },
      quantizers: bindCellQuantizers(described.get(layer), registry),
    }),
  );
  const inner = { inputSize: hidden, hiddenSize: hidden, seed, packed };
  const embedding = new CellParameters({ name: "embedding", ...inner });
  const table = embedding.table("weight", [vocabulary, hidden], tied ? TIED_EMBEDDING_REACH : EMBEDDING_REACH);
  const output = new CellParameters({ name: "output", ...inner });
  const classifier = tied ? undefined : output.matrix("weight", [vocabulary, hidden], "weight");
  const bias = output.vector("bias", [0], vocabulary);
  const drops =
    dropout === 0 ? [] : dropoutLayers(recurrent, { rate: dropout, sharedAxes: variational ? [0] : [], seed });
  const stored = () => new Map([embedding, ...recurrent, output].flatMap((part) => [...part.stored()]));
  if (packed) refuseStrangers(packed, stored());
  const parameters = [embedding, ...recurrent, output, ...drops].flatMap(({ variables }) => variables);

  const carried: Variable[] = [];
  const states = new Map<string, readonly CarriedState<RecurrentState>[]>();
  /** What the call before left, of as many sequences; training has its own. */
  const statesOf = (purpose: "training" | "evaluation", sequences: number) => {
    const key = `${purpose} of ${sequences}`;
    const known = states.get(key);
    if (known) return known;
    const made = recurrent.map((cell) => carryState(cell, sequences));
    states.set(key, made);
    carried.push(...made.flatMap(({ variables }) => variables));
    return made;
  };
  const training = packed ? [] : statesOf("training", streams).flatMap(({ variables }) => variables);

  return {
    name,
    options: complete,
    inputShape: [],
    quantization,
    variables: [...parameters, ...training],
    carried,
    stored,
    ...sizesOf(stored()),
    forward: (tokens, context) => {
      const [T, N] = tokens.shape;
      if (tokens.shape.length !== 2 || tokens.dtype !== "i32" || (context.training && N !== streams)) {
        const want = `tokens [T, ${context.training ? streams : "N"}] of i32`;
        throw new ShapeError({ op: name, want, got: { tokens: tokens.shape } });
      }
      const drop = (x: Tensor, i: number) => drops[i]?.forward(x, context) ?? x;
      const before = statesOf(context.training ? "training" : "evaluation", N);
      let x = inLayer("embedding", () => gather(table, tokens)); // [T, N, hidden]
      recurrent.forEach((cell, i) => {
        const { outputs, state } = unroll(cell, drop(x, i), before[i].state, context);
        if (currentTrace()) before[i].carry(state); // a graph that is only looked at leaves nothing behind
        x = outputs;
      });
      const last = reshape(drop(x, recurrent.length), { shape: [T * N, hidden] });
      const product = classifier?.open(context) ?? ((y: Tensor) => matmul(y, table, { transposeB: true }));
      return inLayer("output", () => add(product(last), bias));
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

function sizesOf(stored: ReadonlyMap<string, Tensor>): Pick<LanguageModel, "latentBytes" | "packedBytes"> {
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
