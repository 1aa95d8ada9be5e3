import type { OpDeclaration } from "../graph/define-op.js";
import { sameShape } from "../graph/shape.js";
import type { Tensor } from "../graph/tensor.js";
import type { ElementwiseStep } from "./program.js";

/** A chain of element-wise nodes that runs as one pass over memory. */
export interface Group {
  /** In order of computing; the last one has readers outside (or is a result itself). */
  readonly nodes: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly steps: readonly ElementwiseStep[];
  /** The nodes whose values others need. */
  readonly results: readonly Tensor[];
}

/** The call of a group; its attributes are a FusedElementwise. Backends that fuse have a kernel of this name. */
export const fusedElementwise: OpDeclaration = {
  name: "fusedElementwise",
  shape: (_, { shape }) => shape,
  examples: [],
};

/** A pass keeps one block of each value in fast memory: more values than this and the blocks do not fit any more. */
const MAX_VALUES = 20;

export function mayFuse(node: Tensor, fuses: (op: OpDeclaration) => boolean): boolean {
  if (!node.op.elementwise || !fuses(node.op)) return false;
  const dtypes = [node.dtype, ...node.inputs.map(({ dtype }) => dtype)];
  if (node.op.name === "cast") return dtypes.includes("f32"); // between integers, f32 registers would lose digits
  return dtypes.every((dtype) => dtype === "f32" || dtype === "bool");
}

/**
 * Cuts the element-wise nodes of `order` into groups. A node joins the group of its readers when all of them are in one
 * group and have its shape, and `mayShare` allows the pair; results of the program may be in the middle of a group, for they have no readers to wait for.
 */
export function fuseElementwise(
  order: readonly Tensor[],
  roots: ReadonlySet<Tensor>,
  fuses: (op: OpDeclaration) => boolean,
  mayShare: (a: Tensor, b: Tensor) => boolean,
): Map<Tensor, Group> {
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of order) {
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const sinkOf = new Map<Tensor, Tensor>();
  const members = new Map<Tensor, Tensor[]>();
  const valuesOf = (nodes: readonly Tensor[]) => new Set(nodes.flatMap((node) => [node, ...node.inputs])).size;
  for (const node of [...order].reverse()) {
    if (!mayFuse(node, fuses)) continue;
    const sinks = new Set((readers.get(node) ?? []).map((reader) => sinkOf.get(reader)));
    const [sink] = sinks;
    const nodes = sinks.size === 1 && sink ? (members.get(sink) as Tensor[]) : [];
    const fits = sink && sameShape(sink.shape, node.shape) && mayShare(sink, node);
    if (sink && fits && nodes.length > 0 && valuesOf([...nodes, node]) <= MAX_VALUES) {
      nodes.unshift(node);
      sinkOf.set(node, sink);
    } else {
      members.set(node, [node]);
      sinkOf.set(node, node);
    }
  }
  const groups = new Map<Tensor, Group>();
  for (const [sink, nodes] of members) groups.set(sink, describeGroup(nodes, sink, roots));
  return groups;
}

function describeGroup(nodes: readonly Tensor[], sink: Tensor, roots: ReadonlySet<Tensor>): Group {
  const inside = new Set(nodes);
  const inputs = [...new Set(nodes.flatMap((node) => node.inputs))].filter((input) => !inside.has(input));
  const register = new Map<Tensor, number>();
  for (const value of [...inputs, ...nodes]) register.set(value, register.size);
  const steps = nodes.map((node) => ({
    code: node.op.elementwise?.code ?? "",
    sources: node.inputs.map((input) => register.get(input) as number),
    immediates: node.op.elementwise?.immediates?.(node.attributes) ?? [],
  }));
  return { nodes, inputs, steps, results: nodes.filter((node) => node === sink || roots.has(node)) };
}
