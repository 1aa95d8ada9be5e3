import {
  ArgumentError,
  ConfigurationError,
  type Shape,
  type Tensor,
  topologicalOrder,
  type Variable,
} from "@lowbit/core-tensor";
import { spread } from "./read-layers.js";

/** For each channel of a wider network, the channel of the narrow one that it copies. */
export type Copies = readonly number[];

/** A weighted layer of the wider network, with the copies that it reads and makes. */
export interface WideLayer {
  readonly node: Tensor;
  readonly weight: Variable;
  readonly from: Copies;
  readonly to: Copies;
  readonly groups: number;
}

export interface ChannelCopies {
  readonly layers: readonly WideLayer[];
  /** Of vectors with one number for each channel: batch norm's, biases. */
  readonly vectors: ReadonlyMap<Variable, Copies>;
}

const isLayer = ({ op }: Tensor): boolean => op.name === "conv2d" || op.name === "matmul";
const groupsOf = (node: Tensor): number => node.attributes?.groups ?? 1;
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Copies in turn, 0 1 2 0 1 2 …, and in each group of channels for itself. */
function copyInTurn(narrow: number, wide: number, groups: number): Copies {
  const [inNarrow, inWide] = [narrow / groups, wide / groups];
  return range(wide).map((i) => Math.floor(i / inWide) * inNarrow + ((i % inWide) % inNarrow));
}

/**
 * The values of a network whose channels must be copied alike: what element-wise operations, pools and means pass on, and what
 * additions join. Each such space begins with layers (free to copy as they like), or with the input, a concat or a flatten.
 */
class ChannelSpaces {
  private readonly parents = new Map<Tensor, Tensor>();
  private readonly makers = new Map<Tensor, Tensor[]>();
  private readonly groups = new Map<Tensor, number>();
  private readonly known = new Map<Tensor, Copies>();

  constructor(
    order: readonly Tensor[],
    private readonly isData: ReadonlySet<Tensor>,
    private readonly narrowShapes: ReadonlyMap<string, Shape>,
  ) {
    const data = order.filter((node) => isData.has(node));
    for (const node of data) if (!this.begins(node)) for (const each of this.dataOf(node)) this.join(node, each);
    for (const node of data) {
      if (this.begins(node)) this.makers.set(this.find(node), [...(this.makers.get(this.find(node)) ?? []), node]);
      if (node.op.name !== "conv2d") continue;
      for (const end of [node, node.inputs[0]]) {
        const space = this.find(end);
        this.groups.set(space, Math.max(this.groups.get(space) ?? 1, groupsOf(node)));
      }
    }
  }

  copiesOf(node: Tensor): Copies {
    const space = this.find(node);
    const copies = this.known.get(space) ?? this.choose(space);
    this.known.set(space, copies);
    return copies;
  }

  dataOf(node: Tensor): Tensor[] {
    return node.inputs.filter((each) => this.isData.has(each));
  }

  private begins(node: Tensor): boolean {
    const { name } = node.op;
    return isLayer(node) || name === "input" || name === "concat" || name === "reshape";
  }

  private find(node: Tensor): Tensor {
    let root = node;
    while (this.parents.has(root)) root = this.parents.get(root) as Tensor;
    return root;
  }

  private join(a: Tensor, b: Tensor): void {
    const [from, to] = [this.find(a), this.find(b)];
    if (from !== to) this.parents.set(from, to);
  }

  private choose(space: Tensor): Copies {
    const makers = this.makers.get(space) ?? [];
    const bound = makers.filter((node) => !isLayer(node)).map((node) => this.derive(node));
    if (bound.some((copies) => copies.join() !== bound[0].join())) {
      throw new ConfigurationError("two streams that are added copy their channels in different ways", {
        layer: space.layer || undefined,
        want: "sums of convolutions, or of a concat and convolutions",
      });
    }
    if (bound.length > 0) return bound[0];
    const known = makers.find((node) => this.narrowShapes.has(weightOf(node).name)) as Tensor;
    const [narrow] = this.narrowShapes.get(weightOf(known).name) as Shape;
    return copyInTurn(narrow, known.shape[1], this.groups.get(space) ?? 1);
  }

  /** Copies that follow from those of the inputs. */
  private derive(node: Tensor): Copies {
    if (node.op.name === "input") return range(node.shape[1]);
    if (node.op.name === "concat") {
      let offset = 0;
      return this.dataOf(node).flatMap((each) => {
        const copies = this.copiesOf(each).map((channel) => channel + offset);
        offset = Math.max(...copies) + 1;
        return copies;
      });
    }
    const [x] = node.inputs; // a reshape: [N, C, H, W] → [N, C · H · W]
    const positions = node.shape[1] / x.shape[1];
    return this.copiesOf(x).flatMap((channel) => range(positions).map((place) => channel * positions + place));
  }
}

function weightOf(node: Tensor): Variable {
  const { op, attributes } = node.inputs[1];
  if (op.name === "variable") return attributes.variable;
  throw new ArgumentError("only a plain network can be widened: this one computes its weights", {
    layer: node.layer || undefined,
    hint: "widen it first and prepare it for low precision afterwards",
  });
}

/**
 * Reads from the graph of a wider network which of its channels copy which ones of the narrow network.
 *
 * @param output        of the wider network, in evaluation
 * @param narrowShapes  of the narrow network's variables, by name
 */
export function findChannelCopies(output: Tensor, narrowShapes: ReadonlyMap<string, Shape>): ChannelCopies {
  const order = topologicalOrder([output]);
  const isData = spread(order, (node) => node.op.name === "input");
  const spaces = new ChannelSpaces(order, isData, narrowShapes);
  const layers = order
    .filter((node) => isLayer(node) && isData.has(node))
    .map((node) => ({
      node,
      weight: weightOf(node),
      from: spaces.copiesOf(node.inputs[0]),
      to: spaces.copiesOf(node),
      groups: groupsOf(node),
    }));
  const vectors = new Map<Variable, Copies>();
  for (const node of order.filter((each) => isData.has(each) && !isLayer(each))) {
    for (const operand of node.inputs.filter((each) => !isData.has(each))) {
      for (const { op, attributes, shape } of topologicalOrder([operand])) {
        if (op.name === "variable" && shape.length === 1) vectors.set(attributes.variable, spaces.copiesOf(node));
      }
    }
  }
  return { layers, vectors };
}
