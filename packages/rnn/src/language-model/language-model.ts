import {
  ArgumentError,
  currentTrace,
  gather,
  inLayer,
  reshape,
  ShapeError,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { type Context, didYouMean, type Model } from "@lowbit/nn";
import type { Quantization } from "@lowbit/quant";
import { type CarriedState, carryState } from "../carried-state.js";
import type { RecurrentState } from "../cells/recurrent-cell.js";
import { unroll } from "../unroll.js";
import { checkLanguageModelOptions, type LanguageModelOptions, languageModelNames } from "./language-model-options.js";
import { packedFolder } from "./packed-folder.js";
import { cells, type RecurrentNetworkParts, recurrentNetwork } from "./recurrent-network.js";

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
  parts: RecurrentNetworkParts,
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
  const { vocabulary, hidden, streams } = complete;
  const network = recurrentNetwork(makeCell, { ...complete, tokens: vocabulary, outputs: vocabulary }, parts);
  const { table, recurrent, parameters, latentBytes, packedBytes, stored } = network;

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
  const training = parts.packed ? [] : statesOf("training", streams).flatMap(({ variables }) => variables);

  return {
    name,
    options: complete,
    inputShape: [],
    quantization: parts.quantization,
    variables: [...parameters, ...training],
    carried,
    stored,
    ...{ latentBytes, packedBytes },
    forward: (tokens, context) => {
      const [T, N] = tokens.shape;
      if (tokens.shape.length !== 2 || tokens.dtype !== "i32" || (context.training && N !== streams)) {
        const want = `tokens [T, ${context.training ? streams : "N"}] of i32`;
        throw new ShapeError({ op: name, want, got: { tokens: tokens.shape } });
      }
      const drop = (x: Tensor, i: number) => network.drop(x, i, context);
      const before = statesOf(context.training ? "training" : "evaluation", N);
      let x = inLayer("embedding", () => gather(table, tokens)); // [T, N, hidden]
      recurrent.forEach((cell, i) => {
        const { outputs, state } = unroll(cell, drop(x, i), before[i].state, context);
        if (currentTrace()) before[i].carry(state); // a graph that is only looked at leaves nothing behind
        x = outputs;
      });
      const last = reshape(drop(x, recurrent.length), { shape: [T * N, hidden] });
      return network.output(last, context);
    },
  };
}

/** How language models are packed, written and read. */
export const packedLanguageModels = packedFolder<LanguageModel>({
  kind: "lowbit-packed-language-model",
  title: "language model",
  build: (name, options, parts) => languageModel(name, options, parts),
});
