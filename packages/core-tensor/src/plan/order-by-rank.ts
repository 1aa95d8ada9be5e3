import { topologicalOrder } from "../graph/order.js";
import type { Tensor } from "../graph/tensor.js";

/** Sources are there from the start, whatever made them. */
const rankOf = ({ rank, inputs }: Tensor): number => (inputs.length === 0 ? -1 : rank);

function comesBefore(a: Tensor, b: Tensor): boolean {
  return rankOf(a) < rankOf(b) || (rankOf(a) === rankOf(b) && a.id < b.id);
}

/** A binary heap of the nodes whose inputs are computed; the lowest rank is on top. */
class Ready {
  private readonly heap: Tensor[] = [];

  push(node: Tensor): void {
    let at = this.heap.push(node) - 1;
    while (at > 0 && comesBefore(node, this.heap[(at - 1) >> 1])) {
      this.heap[at] = this.heap[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    this.heap[at] = node;
  }

  pop(): Tensor | undefined {
    const [top] = this.heap;
    const last = this.heap.pop();
    if (last === undefined || last === top) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < this.heap.length && comesBefore(this.heap[child + 1], this.heap[child])) child++;
      if (child >= this.heap.length || !comesBefore(this.heap[child], last)) break;
      this.heap[at] = this.heap[child];
      at = child;
    }
    this.heap[at] = last;
    return top;
  }
}

/**
 * The nodes that `roots` need, in the order of their ranks as far as their inputs allow. A backward pass was written as each
 * gradient became known: run in that order, the gradient of a weight is computed as soon as dy is there and dy is let go. An
 * order from the roots down would follow dx to the first layer and keep every dy on the way.
 */
export function orderByRank(roots: readonly Tensor[]): Tensor[] {
  const nodes = topologicalOrder(roots);
  const readers = new Map<Tensor, Tensor[]>(nodes.map((node) => [node, []]));
  const missing = new Map<Tensor, number>();
  const ready = new Ready();
  for (const node of nodes) {
    const inputs = new Set(node.inputs);
    for (const input of inputs) readers.get(input)?.push(node);
    missing.set(node, inputs.size);
    if (inputs.size === 0) ready.push(node);
  }
  const order: Tensor[] = [];
  for (let node = ready.pop(); node; node = ready.pop()) {
    order.push(node);
    for (const reader of readers.get(node) ?? []) {
      const rest = (missing.get(reader) as number) - 1;
      missing.set(reader, rest);
      if (rest === 0) ready.push(reader);
    }
  }
  return order;
}
