import { buildNode } from "../graph/define-op.js";
import { bytesOf, type Dtype, type HostTensor } from "../graph/dtype.js";
import { FileFormatError, LowbitError } from "../graph/errors.js";
import { topologicalOrder } from "../graph/order.js";
import { elementsOf, type Shape } from "../graph/shape.js";
import { constantOf, input } from "../graph/sources.js";
import type { Tensor } from "../graph/tensor.js";
import { operations } from "../ops/operations.js";

/** One node of a stored graph; `inputs` are indices of earlier nodes. */
export type StoredNode =
  | { readonly op: "input"; readonly name: string; readonly shape: Shape; readonly dtype: Dtype }
  | { readonly op: "constant"; readonly value: number }
  | { readonly op: "constant"; readonly tensor: string; readonly shape: Shape; readonly dtype: Dtype }
  | { readonly op: string; readonly inputs: readonly number[]; readonly attributes?: unknown; readonly layer?: string };

/** A graph without variables as plain JSON; its larger constants lie beside it by name. */
export interface StoredGraph {
  readonly nodes: readonly StoredNode[];
  readonly outputs: Readonly<Record<string, number>>;
}

const MAX_NODES = 100_000;

/**
 * Writes the graph below `outputs` as JSON and its constants as named tensors. Scalars stay in the JSON.
 *
 * @throws {FileFormatError} when a variable is left in the graph: only frozen graphs are stored
 */
export function storeGraph(outputs: Readonly<Record<string, Tensor>>): {
  graph: StoredGraph;
  tensors: Map<string, HostTensor>;
} {
  const order = topologicalOrder(Object.values(outputs));
  const indexOf = new Map(order.map((node, index) => [node, index]));
  const tensors = new Map<string, HostTensor>();
  const nodes = order.map((node, index): StoredNode => {
    const { shape, dtype, attributes, layer } = node;
    if (node.op.name === "input") return { op: "input", name: attributes.name, shape, dtype };
    if (node.op.name === "variable") {
      throw new FileFormatError(`variable "${attributes.variable.name}" can't be stored in a graph`, {
        hint: "replace variables by constants first",
      });
    }
    if (node.op.name === "constant") {
      const { data } = attributes;
      if (shape.length === 0 && dtype === "f32" && Number.isFinite(data[0])) return { op: "constant", value: data[0] };
      const name = `constant${index}`;
      tensors.set(name, { shape, dtype, data });
      return { op: "constant", tensor: name, shape, dtype };
    }
    const inputs = node.inputs.map((each) => indexOf.get(each) as number);
    return { op: node.op.name, inputs, ...(attributes && { attributes }), ...(layer && { layer }) };
  });
  return { graph: { nodes, outputs: mapValues(outputs, (node) => indexOf.get(node) as number) }, tensors };
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/**
 * Builds a stored graph again; every operation checks its shapes and attributes as if a person had written it.
 *
 * @param tensors  the constants by name
 * @param batch    the size of axis 0 of every input, whatever it was when the graph was stored
 * @throws {FileFormatError} for anything that does not hold together, with the index of the node
 */
export function restoreGraph(
  graph: StoredGraph,
  tensors: ReadonlyMap<string, HostTensor>,
  { batch, file = "graph" }: { batch: number; file?: string },
): { inputs: Map<string, Tensor>; outputs: Record<string, Tensor> } {
  const fail = (node: number | undefined, headline: string, cause?: unknown): never => {
    const where = node === undefined ? file : `${file}, node ${node}`;
    throw new FileFormatError(headline, { where, want: "a graph as storeGraph writes it", cause });
  };
  if (!Array.isArray(graph?.nodes) || graph.nodes.length > MAX_NODES) fail(undefined, "the graph has no list of nodes");
  const inputs = new Map<string, Tensor>();
  const built: Tensor[] = [];
  graph.nodes.forEach((node, index) => {
    try {
      built.push(restoreNode(node as unknown as Record<string, unknown>, built, { inputs, tensors, batch }));
    } catch (cause) {
      const reason = cause instanceof LowbitError ? cause.message.split("\n")[0] : "it is malformed";
      fail(index, `the graph can't be built: ${reason}`, cause);
    }
  });
  const outputs = mapValues(
    graph.outputs ?? {},
    (index) => nodeAt(built, index) ?? fail(undefined, `output ${JSON.stringify(index)} is no node`),
  );
  return { inputs, outputs };
}

/** Only a whole number is an index: an array has members by other names. */
const nodeAt = (built: readonly Tensor[], index: unknown): Tensor | undefined =>
  Number.isInteger(index) ? built[index as number] : undefined;

interface Restoring {
  readonly inputs: Map<string, Tensor>;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly batch: number;
}

function restoreNode(
  node: Record<string, unknown>,
  built: readonly Tensor[],
  { inputs, tensors, batch }: Restoring,
): Tensor {
  if (node.op === "input") {
    const name = String(node.name);
    if (inputs.has(name) || !Array.isArray(node.shape) || node.shape.length === 0)
      throw new FileFormatError("bad input");
    const placeholder = input(name, [batch, ...node.shape.slice(1)], node.dtype as Dtype);
    bytesOf(placeholder.dtype, 1);
    inputs.set(name, placeholder);
    return placeholder;
  }
  if (node.op === "constant") {
    if (typeof node.value === "number") return constantOf(node.value);
    const tensor = tensors.get(String(node.tensor));
    if (!tensor) throw new FileFormatError(`tensor ${JSON.stringify(node.tensor)} is missing`);
    const { shape, dtype } = node as { shape: Shape; dtype: Dtype };
    if (!/^(f32|i32|u8|bool|p[1-8])$/.test(dtype)) throw new FileFormatError(`dtype ${dtype} is unknown`);
    if (tensor.data.byteLength !== bytesOf(dtype, elementsOf(shape))) {
      throw new FileFormatError(
        `tensor ${JSON.stringify(node.tensor)} has ${tensor.data.byteLength} bytes, not those of its shape`,
      );
    }
    return constantOf({ shape, dtype, data: tensor.data });
  }
  const op = operations.get(String(node.op));
  if (!op) throw new FileFormatError(`there is no operation ${JSON.stringify(node.op)}`);
  if (!Array.isArray(node.inputs) || node.inputs.length === 0) throw new FileFormatError(`${op.name} has no inputs`);
  const operands = node.inputs.map((index: unknown) => {
    const operand = nodeAt(built, index);
    if (!operand) throw new FileFormatError(`input ${JSON.stringify(index)} is no earlier node`);
    return operand;
  });
  const expected = op.examples[0]?.shapes.length;
  if (expected !== undefined && op.name !== "concat" && operands.length !== expected) {
    throw new FileFormatError(`${op.name} takes ${expected} inputs, not ${operands.length}`);
  }
  return buildNode(op, operands, node.attributes, typeof node.layer === "string" ? node.layer : "");
}
