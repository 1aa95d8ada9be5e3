import {
  add,
  constantOf,
  createStream,
  type Dtype,
  elementsOf,
  FileFormatError,
  fillUniform,
  type HostTensor,
  inLayer,
  parameter,
  type Shape,
  sameShape,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import type { Context } from "@lowbit/nn";
import { type BoundEdgeQuantizer, type BoundMatrixQuantizer, noQuantizers } from "../quantization/cell-quantizers.js";
import { fieldsOf, levelsOf, packedFormat } from "../quantization/edge-codes.js";
import { latentMatrix, type Matrix, type StoredMatrixTensors, storedMatrix } from "../quantization/matrix.js";
import type { CellOptions } from "./recurrent-cell.js";

/** The parameters of one cell while it is made: matrices and biases, as variables or out of a packed network. */
export class CellParameters {
  private readonly matrices: (readonly [string, Matrix])[] = [];
  private readonly vectors: (readonly [string, Tensor])[] = [];
  readonly variables: Variable[] = [];

  constructor(private readonly options: CellOptions) {}

  /**
   * A matrix that reads the input (`weight`) or the state (`recurrent`), drawn uniformly from ±1 / √hiddenSize as PyTorch draws a
   * recurrent cell's: a function of shape, seed and name alone.
   */
  matrix(part: string, shape: Shape, slot: "weight" | "recurrent"): Matrix {
    const { name, hiddenSize, quantizers = noQuantizers, packed } = this.options;
    const path = `${name}.${part}`;
    const edge = slot === "weight" ? quantizers.input : quantizers.state;
    const quantizer = quantizers[slot];
    const matrix = packed
      ? storedMatrix({ name: path, quantizer, edge }, this.packedMatrix(path, shape, quantizer))
      : latentMatrix({ name: path, quantizer, edge }, this.drawn(path, shape, 1 / Math.sqrt(hiddenSize)));
    this.variables.push(...matrix.variables);
    this.matrices.push([path, matrix]);
    return matrix;
  }

  /** A table in fp32 whose rows are looked up, drawn uniformly from ±reach. */
  table(part: string, shape: Shape, reach: number): Tensor {
    const path = `${this.options.name}.${part}`;
    return this.keep(path, this.options.packed ? undefined : this.drawn(path, shape, reach), shape);
  }

  /** A vector in pieces of `size` values, in order: `starts` says where each piece starts. */
  vector(part: string, starts: readonly number[], size = this.options.hiddenSize): Tensor {
    const path = `${this.options.name}.${part}`;
    const shape = [starts.length * size];
    const draw = () => Float32Array.from({ length: shape[0] }, (_, i) => starts[Math.floor(i / size)]);
    return this.keep(path, this.options.packed ? undefined : parameter(path, shape, draw), shape);
  }

  private drawn(path: string, shape: Shape, reach: number): Variable {
    return parameter(path, shape, () => {
      const values = new Float32Array(elementsOf(shape));
      fillUniform(values, createStream(this.options.seed, `init/${path}`), { low: -reach, high: reach });
      return values;
    });
  }

  private keep(path: string, variable: Variable | undefined, shape: Shape): Tensor {
    const tensor = variable?.tensor ?? constantOf(this.packed(path, "f32", [shape]));
    if (variable) this.variables.push(variable);
    this.vectors.push([path, tensor]);
    return tensor;
  }

  private packedMatrix(path: string, shape: Shape, quantizer: BoundMatrixQuantizer | undefined): StoredMatrixTensors {
    if (!quantizer) return { weight: this.packed(path, "f32", [shape]) };
    const dtype = `p${packedFormat(quantizer).bits}` as Dtype;
    const scale = this.packed(`${path}.scale`, "f32", [[], [shape[0]]]);
    return { weight: this.packed(path, dtype, [[...shape, 1, 1]]), scale };
  }

  /**
   * The state as the steps of a packed cell hand it on: its codes, where it has any. Other cells hand on levels, which their gradients flow
   * through.
   */
  handOn(hidden: Tensor): Tensor {
    const { packed, quantizers = noQuantizers } = this.options;
    return packed && quantizers.state ? fieldsOf(hidden, quantizers.state) : hidden;
  }

  /** What `handOn` made, as readers outside want it: levels. In evaluation their zeros have no sign, as codes have none. */
  show(hidden: Tensor, { training }: Context): Tensor {
    const { packed, quantizers = noQuantizers } = this.options;
    const isLevel = !packed && !training && quantizers.state;
    return isLevel ? add(hidden, 0) : levelsOf(hidden, quantizers.state);
  }

  stored(): ReadonlyMap<string, Tensor> {
    const matrices = inLayer(this.options.name, () =>
      this.matrices.flatMap(([path, matrix]) =>
        [...matrix.stored()].map(([end, tensor]) => [`${path}${end}`, tensor] as const),
      ),
    );
    return new Map([...matrices, ...this.vectors]);
  }

  private packed(name: string, dtype: Dtype, shapes: readonly Shape[]): HostTensor {
    const tensor = this.options.packed?.get(name);
    if (tensor?.dtype === dtype && shapes.some((shape) => sameShape(shape, tensor.shape))) return tensor;
    const want = shapes.map((shape) => `${dtype} [${shape.join(", ")}]`).join(" or ");
    throw new FileFormatError(
      tensor ? `tensor "${name}" is ${tensor.dtype} [${tensor.shape.join(", ")}]` : `there is no tensor "${name}"`,
      { layer: this.options.name, want: `${name}: ${want}` },
    );
  }
}

/** x on the grid of its edge, or as it is where that stays fp32. */
export function quantizeEdge(x: Tensor, edge: BoundEdgeQuantizer | undefined): Tensor {
  return edge ? edge.quantizer.fakeQuantize(x, edge.options) : x;
}
