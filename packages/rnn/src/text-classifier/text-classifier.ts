import {
  ArgumentError,
  cast,
  divide,
  gather,
  inLayer,
  less,
  maximum,
  reshape,
  ShapeError,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";
import { type Context, didYouMean, type Model } from "@lowbit/nn";
import type { Quantization } from "@lowbit/quant";
import { zeroState } from "../carried-state.js";
import { checkLanguageModelOptions, languageModelNames } from "../language-model/language-model-options.js";
import { packedFolder } from "../language-model/packed-folder.js";
import { cells, type RecurrentNetworkParts, recurrentNetwork } from "../language-model/recurrent-network.js";
import { unroll } from "../unroll.js";

/** What decides the shapes of a text classifier, and its first weights: plain JSON. */
export interface TextClassifierOptions {
  /** Its cells: lstm, gru or vanilla. */
  readonly cell: string;
  /** Tokens that it knows. Number `vocabulary`, one more, stands behind the end of a short text. */
  readonly vocabulary: number;
  readonly classes: number;
  /** Values in the hidden state of each layer; also those of a token's embedding. */
  readonly hidden: number;
  /** Recurrent layers, one on top of the other; 1 where absent. */
  readonly layers?: number;
  /** What dropout sets to 0 before each recurrent layer and the output layer, in training; 0 where absent. */
  readonly dropout?: number;
  /** Dropout drops the same units in all steps; false where absent. */
  readonly variational?: boolean;
  /** Of the first weights; 0 where absent. */
  readonly seed?: number;
}

/** A network that reads a text and says of which class it is. */
export interface TextClassifier extends Model {
  readonly options: Required<TextClassifierOptions> & Model["options"];
  readonly quantization: Quantization;
  /** Bytes of its parameters in fp32. */
  readonly latentBytes: number;
  /** Bytes of what a packed network keeps. */
  readonly packedBytes: number;
  /** What conversion keeps: each tensor by its name. */
  stored(): ReadonlyMap<string, Tensor>;
  /** Logits [N, classes] for N texts, tokens [T, N] (i32), each filled up to T behind its end. */
  forward(tokens: Tensor, context: Context): Tensor;
}

/** Its name as a model, whatever its cells are. */
export const TEXT_CLASSIFIER = "text-classifier";

/**
 * A text classifier: an embedding, recurrent layers, and an output layer that reads the mean of the last layer's hidden states over the
 * steps that a text has. What stands behind its end changes nothing.
 *
 * @throws {ArgumentError} for unknown cells or an option that makes no sense
 * @throws {FileFormatError} when `parts.packed` lacks a tensor, has one too many, or one of another shape
 * @example const model = textClassifier({ cell: "gru", vocabulary: 5000, classes: 2, hidden: 32 }, { quantization, registry });
 */
export function textClassifier(options: TextClassifierOptions, parts: RecurrentNetworkParts): TextClassifier {
  const complete = checkOptions(options);
  const { cell, vocabulary, classes, hidden } = complete;
  const makeCell = cells.get(cell);
  if (!makeCell) {
    const near = didYouMean(String(cell), languageModelNames);
    throw new ArgumentError(`a text classifier has no cells ${JSON.stringify(cell)}`, {
      want: languageModelNames.join(", "),
      got: cell,
      hint: near && `did you mean "${near}"?`,
    });
  }
  const sizes = { ...complete, tokens: vocabulary + 1, outputs: classes, tied: false };
  const network = recurrentNetwork(makeCell, sizes, parts);
  const { table, recurrent, parameters, latentBytes, packedBytes, stored } = network;
  return {
    name: TEXT_CLASSIFIER,
    options: complete,
    inputShape: [],
    quantization: parts.quantization,
    variables: parameters,
    ...{ latentBytes, packedBytes, stored },
    forward: (tokens, context) => {
      const N = tokens.shape[1];
      if (tokens.shape.length !== 2 || tokens.dtype !== "i32") {
        throw new ShapeError({ op: TEXT_CLASSIFIER, want: "tokens [T, N] of i32", got: { tokens: tokens.shape } });
      }
      const isToken = less(cast(tokens, { dtype: "f32" }), vocabulary);
      const mask = cast(isToken, { dtype: "f32" }); // [T, N]: 1 where a text has a token
      let x = inLayer("embedding", () => gather(table, tokens)); // [T, N, hidden]
      recurrent.forEach((each, i) => {
        const { outputs } = unroll(each, network.drop(x, i, context), zeroState(each, N), { ...context, mask });
        x = outputs; // 0 behind the end of a text
      });
      const steps = maximum(reshape(sum(mask, { axes: [0] }), { shape: [N, 1] }), 1); // an empty text has a mean of 0
      const mean = inLayer("output", () => divide(reshape(sum(x, { axes: [0] }), { shape: [N, hidden] }), steps));
      return network.output(network.drop(mean, recurrent.length, context), context);
    },
  };
}

function checkOptions({ cell, classes, ...rest }: TextClassifierOptions): Required<TextClassifierOptions> {
  if (!(Number.isSafeInteger(classes) && classes >= 2 && classes <= 100_000)) {
    throw new ArgumentError(`a text classifier can't have ${JSON.stringify(classes) ?? classes} classes`, {
      where: "classes",
      want: "a whole number from 2 to 100000",
      got: classes,
    });
  }
  const { vocabulary, hidden, layers, dropout, variational, seed } = checkLanguageModelOptions({ ...rest, streams: 1 });
  return { cell, classes, vocabulary, hidden, layers, dropout, variational, seed };
}

/** How text classifiers are packed, written and read. */
export const packedTextClassifiers = packedFolder<TextClassifier>({
  kind: "lowbit-packed-text-classifier",
  title: "text classifier",
  build: (_, options, parts) => textClassifier(options, parts),
});
