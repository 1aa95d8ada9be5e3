import {
  bytesOf,
  constantOf,
  type Engine,
  elementsOf,
  input,
  rewrite,
  type Tensor,
  topologicalOrder,
} from "@lowbit/core-tensor";
import { packedConvolution } from "./integer-layer.js";
import { type PackedModel, packedModel } from "./packed-model.js";
import type { PreparedModel } from "./prepare.js";

/** The evaluation graph with integer kernels where codes meet codes; weights still depend on variables. */
function withPackedKernels(model: PreparedModel): Tensor {
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const [packed] = rewrite([output], (node, [x, w]) =>
    node.op.name === "conv2dCodes" && x.dtype === "f32"
      ? packedConvolution(node.layer, x, w, node.attributes)
      : undefined,
  );
  return packed;
}

/**
 * The nodes that depend on variables and constants alone and are read by nodes that do not. Unpacking counts as the
 * latter, so that a weight whose input stays fp32 is stored as codes and unpacked once when it is loaded.
 */
function frozenFrontier(output: Tensor): Tensor[] {
  const changing = new Set<Tensor>();
  const frontier = new Set<Tensor>();
  for (const node of topologicalOrder([output])) {
    const isOpen = node.op.name === "input" || node.op.name === "unpackCodes";
    if (isOpen || node.inputs.some((each) => changing.has(each))) changing.add(node);
  }
  for (const node of changing) {
    for (const each of node.inputs) if (!changing.has(each) && each.op.name !== "constant") frontier.add(each);
  }
  return [...frontier];
}

/**
 * Turns a prepared model into a packed one: weights become packed codes, batch norm becomes an affine map of constants,
 * layers whose weights and inputs are quantized run integer kernels. Codes and logits stay what they were, bit for bit,
 * on the engine's backend and build.
 *
 * @param engine  holds the model's variables
 */
export async function convert(model: PreparedModel, engine: Engine): Promise<PackedModel> {
  const output = withPackedKernels(model);
  const frontier = frozenFrontier(output);
  const values = await engine.evaluate(frontier);
  const constants = new Map(frontier.map((node, i) => [node, constantOf(values[i])]));
  const [frozen] = rewrite([output], (node) => constants.get(node));
  const { name, options, inputShape, quantization } = model;
  return packedModel({ name, options, inputShape, quantization, latentBytes: latentBytes(model), output: frozen });
}

/** Bytes of all the model's variables in fp32. */
export function latentBytes(model: Pick<PreparedModel, "variables">): number {
  return model.variables.reduce((sum, { shape, dtype }) => sum + bytesOf(dtype, elementsOf(shape)), 0);
}

/** Bytes of the tensors that conversion would leave, without converting. */
export function packedBytes(model: PreparedModel): number {
  return frozenFrontier(withPackedKernels(model)).reduce(
    (sum, { shape, dtype }) => sum + bytesOf(dtype, elementsOf(shape)),
    0,
  );
}
