import {
  ArgumentError,
  accumulatorBound,
  add,
  cast,
  constantOf,
  conv2dCodes,
  divide,
  elementsOf,
  type HostTensor,
  largestInteger,
  matmul,
  maximum,
  multiply,
  packCodes,
  parameter,
  reshape,
  stopGradient,
  subtract,
  type Tensor,
  type TensorLike,
  unpackCodes,
  type Variable,
} from "@lowbit/core-tensor";
import type { Context } from "@lowbit/nn";
import { type BoundQuantizer, bindLearnedOfWeight, weightCodes } from "@lowbit/quant";
import type { BoundEdgeQuantizer, BoundMatrixQuantizer } from "./cell-quantizers.js";
import { fieldsOf, levelsOf, packedFormat } from "./edge-codes.js";

/** x [M, K] → x · Wᵀ [M, N]. Where the edge into it is quantized, x holds levels of its quantizer, or those as codes: edge-codes.ts. */
export type Product = (x: Tensor) => Tensor;

/** The tensors that a matrix is stored as, by what follows its name: "" the matrix or its codes, ".scale" theirs. */
export type StoredParts = ReadonlyMap<string, Tensor>;

/** A weight matrix W [N, K] of a cell, as training or a packed folder holds it. */
export interface Matrix {
  readonly variables: readonly Variable[];
  /** Its product in one graph. Weights are quantized once, however many steps multiply with them. */
  open(context: Context): Product;
  /** What conversion keeps of it: packed codes [N, K, 1, 1] and their scale, or the matrix in fp32. */
  stored(): StoredParts;
}

export interface MatrixOptions {
  /** "layer0.recurrent" */
  readonly name: string;
  readonly quantizer?: BoundMatrixQuantizer;
  /** The quantizer of the edge that it reads. */
  readonly edge?: BoundEdgeQuantizer;
}

/** Scales stay above 0 however training moves them. */
const SMALLEST_GAIN = 2 ** -40;

/** A matrix that trains: latent fp32 weights, quantized in the graph. */
export function latentMatrix({ name, quantizer, edge }: MatrixOptions, weight: Variable): Matrix {
  if (!quantizer) {
    return {
      variables: [weight],
      open: () => (x) => matmul(x, weight, { transposeB: true }),
      stored: () => new Map([["", weight.tensor]]),
    };
  }
  const gain = quantizer.isGainLearned
    ? parameter(`${name}.gain`, [], () => Float32Array.of(quantizer.gain))
    : undefined;
  const own = bindLearnedOfWeight(name, quantizer, weight);
  const scaled = (g: TensorLike) => weightCodes({ ...quantizer, learned: own.learned, gain: 1 }, divide(weight, g));
  const codesOf = (): Codes => {
    const g = gain ? maximum(gain, SMALLEST_GAIN) : constantOf(quantizer.gain);
    const { codes, grid } = scaled(g);
    const joined = multiply(g, grid.tensor ?? grid.constant ?? 1);
    return { codes, scale: reshape(joined, { shape: elementsOf(joined.shape) === 1 ? [] : [-1] }) };
  };
  return {
    variables: [weight, ...(gain ? [gain] : []), ...own.variables],
    open: ({ training }) => {
      if (training) {
        const g = gain ? maximum(damped(gain, weight, quantizer), SMALLEST_GAIN) : quantizer.gain;
        const levels = multiply(scaled(g).levels, g);
        return (x) => matmul(x, levels, { transposeB: true });
      }
      const coded = codesOf();
      return edge ? codeProduct(coded, quantizer, edge) : levelProduct(coded);
    },
    stored: () => {
      const { codes, scale } = codesOf();
      return new Map([
        ["", packFilters(codes, quantizer)],
        [".scale", scale],
      ]);
    },
  };
}

/** A matrix in fp32, or its packed codes [N, K, 1, 1] with their scale. */
export interface StoredMatrixTensors {
  readonly weight: HostTensor;
  readonly scale?: HostTensor;
}

/** A matrix out of a packed folder. */
export function storedMatrix({ name, quantizer, edge }: MatrixOptions, tensors: StoredMatrixTensors): Matrix {
  const weight = constantOf(tensors.weight);
  const scale = tensors.scale && constantOf(tensors.scale);
  return {
    variables: [],
    open: ({ training }) => {
      if (training) throw new ArgumentError("a packed network can't be trained", { layer: name });
      if (!quantizer || !scale) return (x) => matmul(levelsOf(x, edge), weight, { transposeB: true });
      if (edge) return packedProduct({ codes: weight, scale }, quantizer, edge);
      const codes = reshape(unpackCodes(weight, { format: packedFormat(quantizer) }), {
        shape: weight.shape.slice(0, 2),
      });
      return levelProduct({ codes, scale });
    },
    stored: () =>
      new Map(
        scale
          ? [
              ["", weight],
              [".scale", scale],
            ]
          : [["", weight]],
      ),
  };
}

/** Codes of a matrix [N, K], and what takes their products to values: one scale [], or one for each row [N]. */
interface Codes {
  readonly codes: Tensor;
  readonly scale: Tensor;
}

const packFilters = (codes: Tensor, quantizer: BoundQuantizer): Tensor =>
  packCodes(reshape(codes, { shape: [...codes.shape, 1, 1] }), { format: packedFormat(quantizer) });

/**
 * The value of g, with its gradient divided by √(weights · largest code). The graph of g · q(w / g) has the rest of LSQ's gradient of
 * itself: q(w / g) − w / g inside of the grid, the grid's end outside.
 *
 * Source: Esser et al., "Learned Step Size Quantization", arXiv 1902.08153, eq. 3 and section 2.2
 */
function damped(gain: Variable, weight: Variable, quantizer: BoundQuantizer): Tensor {
  const passed = multiply(gain, 1 / Math.sqrt(elementsOf(weight.shape) * largestInteger(packedFormat(quantizer))));
  return add(stopGradient(gain.tensor), subtract(passed, stopGradient(passed)));
}

/** Levels of the weights times an edge in fp32. */
function levelProduct({ codes, scale }: Codes): Product {
  const column = scale.shape.length === 0 ? scale : reshape(scale, { shape: [-1, 1] });
  const levels = multiply(codes, column);
  return (x) => matmul(x, levels, { transposeB: true });
}

/** Sums of integers are exact in float32 up to here, whatever their order. */
const EXACT_IN_F32 = 2 ** 24;

/** As evaluation computes it: whole numbers held in f32, exact, then one multiplication. */
function codeProduct({ codes, scale }: Codes, quantizer: BoundQuantizer, edge: BoundEdgeQuantizer): Product {
  const formats = { x: packedFormat(edge), w: packedFormat(quantizer) };
  if (accumulatorBound([...codes.shape, 1, 1], formats) >= EXACT_IN_F32) {
    return packedProduct({ codes: packFilters(codes, quantizer), scale }, quantizer, edge);
  }
  const factor = multiply(scale, edge.scale);
  return (x) => multiply(matmul(edge.quantizer.toCodes(x, edge.options), codes, { transposeB: true }), factor);
}

/** The same over packed codes [N, K, 1, 1]: bytes times packed words, summed in int32. */
function packedProduct({ codes, scale }: Codes, quantizer: BoundQuantizer, edge: BoundEdgeQuantizer): Product {
  const formats = { x: packedFormat(edge), w: packedFormat(quantizer) };
  const [N, K] = codes.shape;
  const factor = multiply(scale, edge.scale);
  return (x) => {
    const sums = conv2dCodes(reshape(fieldsOf(x, edge), { shape: [-1, K, 1, 1] }), codes, formats);
    return multiply(cast(reshape(sums, { shape: [-1, N] }), { dtype: "f32" }), factor);
  };
}
