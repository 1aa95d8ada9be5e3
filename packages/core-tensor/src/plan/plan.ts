import type { HostArray } from "../graph/dtype.js";
import { elementsOf, sameShape } from "../graph/shape.js";
import type { Tensor } from "../graph/tensor.js";
import type { Variable } from "../graph/variable.js";
import { copy } from "../ops/unary.js";
import type { Backend } from "./backend.js";
import { fusedElementwise, fuseElementwise, type Group } from "./fuse-elementwise.js";
import { mergeEqual } from "./merge-equal.js";
import { orderByRank } from "./order-by-rank.js";
import { packEarly } from "./pack-early.js";
import { type Lifetime, placeBuffers } from "./place-buffers.js";
import { type Buffer, type Call, type FusedElementwise, PlannedBuffer, type Program } from "./program.js";

/** What a traced function wants: its inputs, its results, and the writes of the step. */
export interface Wanted {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Tensor[];
  readonly assignments: readonly { readonly variable: Variable; readonly value: Tensor }[];
}

/** Something to run, before buffers: one node, or a group of element-wise ones. */
interface Task {
  readonly op: Call["op"];
  readonly attributes: Call["attributes"];
  readonly inputs: readonly Tensor[];
  readonly results: readonly Tensor[];
  readonly layer: string;
  readonly once: boolean;
}

const isSource = (node: Tensor) => node.inputs.length === 0;

/** The node whose bytes a view shows. */
function storageNode(node: Tensor): Tensor {
  let owner = node;
  while (owner.op.isView) owner = owner.inputs[0];
  return owner;
}

/** A value that a result or a write can own: sources and their views are copied, so that reads see the state before the step. */
const owned = (node: Tensor): Tensor => (isSource(storageNode(node)) ? copy(node) : node);

function fusedAttributes(group: Group): FusedElementwise {
  const values = [...group.inputs, ...group.nodes];
  return {
    shape: group.nodes[group.nodes.length - 1].shape,
    steps: group.steps,
    results: group.results.map((node) => values.indexOf(node)),
  };
}

/** Nodes that depend on constants alone: they run once, when the program is loaded. */
function findConstantNodes(order: readonly Tensor[]): Set<Tensor> {
  const constant = new Set<Tensor>();
  for (const node of order) {
    const isConstant = isSource(node) ? node.op.name === "constant" : node.inputs.every((input) => constant.has(input));
    if (isConstant) constant.add(node);
  }
  return constant;
}

function listTasks(order: readonly Tensor[], roots: ReadonlySet<Tensor>, backend: Backend): Task[] {
  const constant = findConstantNodes(order);
  // Constant and changing nodes never share a pass: the former run once.
  const mayShare = (a: Tensor, b: Tensor) => constant.has(a) === constant.has(b);
  const groups = fuseElementwise(order, roots, (op) => backend.fuses(op), mayShare);
  const fused = new Set([...groups.values()].flatMap(({ nodes }) => nodes));
  const tasks: Task[] = [];
  for (const node of order) {
    const group = groups.get(node);
    const common = { layer: node.layer, once: constant.has(node) };
    if (group) {
      const attributes = fusedAttributes(group);
      tasks.push({ ...common, op: fusedElementwise, attributes, inputs: group.inputs, results: group.results });
    } else if (!isSource(node) && !node.op.isView && !fused.has(node)) {
      tasks.push({ ...common, op: node.op, attributes: node.attributes, inputs: node.inputs, results: [node] });
    }
  }
  return tasks;
}

/** Makes a program of the wanted graph for one backend: order, fused passes, lifetimes, places in memory. */
export function plan(wanted: Wanted, backend: Backend): Program {
  const merged = mergeEqual([...wanted.outputs, ...wanted.assignments.map(({ value }) => value)].map(owned));
  const roots = new Set(merged.map(storageNode));
  const order = packEarly(orderByRank(merged));
  const tasks = listTasks(order, roots, backend);
  return new Planner(backend, tasks).build(wanted, merged, order);
}

/** Buffers and lifetimes of one program while it is made. */
class Planner {
  private readonly buffers = new Map<Tensor, PlannedBuffer>();
  private readonly lifetimes = new Map<PlannedBuffer, Lifetime>();
  private readonly workspaces: Lifetime[] = [];
  private readonly constants: { buffer: PlannedBuffer; data: HostArray }[] = [];
  private readonly variables = new Map<Variable, PlannedBuffer>();
  private readonly computedOnce: PlannedBuffer[] = [];
  /** What runs once runs before all else, one call after the other: one workspace for them, beside the inputs that wait already. */
  private readonly workspaceOfOnce = { place: { offset: 0 }, bytes: 0, first: -1, last: -1 };

  constructor(
    private readonly backend: Backend,
    private readonly tasks: readonly Task[],
  ) {}

  build(wanted: Wanted, merged: readonly Tensor[], order: readonly Tensor[]): Program {
    const lastUse = this.findLastUses(merged);
    const inputs = new Map([...wanted.inputs].map(([name, node]) => [name, this.scratch(node, -1, lastUse)]));
    for (const node of order) if (isSource(node)) this.placeSource(node);
    const calls = this.tasks.map((task, index) => this.buildCall(task, index, lastUse));
    const outputs = wanted.outputs.map((node, i) => this.view(merged[i], node));
    const assignments = wanted.assignments.map(({ variable, value }, i) => ({
      variable,
      from: this.view(merged[wanted.outputs.length + i], value),
      to: this.variableBuffer(variable),
      layer: value.layer,
    }));
    const scratchBytes = placeBuffers([...new Set(this.lifetimes.values()), ...this.workspaces, this.workspaceOfOnce]);
    const { constants, variables, computedOnce } = this;
    return { inputs, outputs, constants, variables, computedOnce, assignments, calls, scratchBytes };
  }

  private make(node: Tensor, region: Buffer["region"]): PlannedBuffer {
    const buffer = new PlannedBuffer(
      node.shape,
      node.dtype,
      this.backend.bytesOf(node.dtype, elementsOf(node.shape)),
      region,
    );
    this.buffers.set(node, buffer);
    return buffer;
  }

  private scratch(node: Tensor, first: number, lastUse: ReadonlyMap<Tensor, number>): PlannedBuffer {
    const buffer = this.make(node, "scratch");
    const last = lastUse.get(node) ?? first;
    this.lifetimes.set(buffer, { place: buffer.place, bytes: buffer.bytes, first, last });
    return buffer;
  }

  private variableBuffer(variable: Variable): PlannedBuffer {
    const buffer = this.variables.get(variable) ?? this.make(variable.tensor, "resident");
    this.variables.set(variable, buffer);
    return buffer;
  }

  private placeSource(node: Tensor): void {
    if (node.op.name === "variable") this.variableBuffer(node.attributes.variable);
    if (node.op.name === "constant")
      this.constants.push({ buffer: this.make(node, "resident"), data: node.attributes.data });
  }

  private findLastUses(merged: readonly Tensor[]): Map<Tensor, number> {
    const lastUse = new Map<Tensor, number>();
    this.tasks.forEach((task, index) => {
      for (const input of task.inputs) lastUse.set(storageNode(input), index);
    });
    for (const node of merged) lastUse.set(storageNode(node), Number.POSITIVE_INFINITY);
    return lastUse;
  }

  /** The buffer of a node under the shape in which a reader sees it. */
  private view(node: Tensor, seenAs: Tensor = node): PlannedBuffer {
    const owner = this.buffers.get(storageNode(node));
    if (!owner) throw new Error(`no buffer for ${node.op.name} #${node.id}`); // a bug of ours: no task makes it
    if (sameShape(owner.shape, seenAs.shape)) return owner;
    return new PlannedBuffer(seenAs.shape, seenAs.dtype, owner.bytes, owner.region, owner.place);
  }

  private buildCall(task: Task, index: number, lastUse: ReadonlyMap<Tensor, number>): Call {
    const inputs = task.inputs.map((input) => this.view(input));
    const outputs = task.results.map((node) => this.placeResult(task, node, index, lastUse));
    const call = { op: task.op, attributes: task.attributes, inputs, outputs };
    const bytes = this.backend.workspaceBytes(call);
    const place = task.once ? this.workspaceOfOnce.place : { offset: 0 };
    const workspace = new PlannedBuffer([bytes], "u8", bytes, "scratch", place);
    if (task.once) this.workspaceOfOnce.bytes = Math.max(bytes, this.workspaceOfOnce.bytes);
    else if (bytes > 0) this.workspaces.push({ place: workspace.place, bytes, first: index, last: index });
    return { ...call, workspace, layer: task.layer, once: task.once };
  }

  /** A result's buffer: the place of an input that ends here, where an element-wise pass may write over it, else a new one. */
  private placeResult(task: Task, node: Tensor, index: number, lastUse: ReadonlyMap<Tensor, number>): PlannedBuffer {
    if (task.once) {
      const buffer = this.make(node, "resident");
      this.computedOnce.push(buffer);
      return buffer;
    }
    const dying =
      task.op === fusedElementwise && task.inputs.find((input) => this.endsHere(input, node, index, lastUse));
    if (!dying) return this.scratch(node, index, lastUse);
    const from = this.buffers.get(storageNode(dying)) as PlannedBuffer;
    const lifetime = this.lifetimes.get(from) as Lifetime;
    lifetime.last = lastUse.get(node) ?? index;
    const buffer = new PlannedBuffer(node.shape, node.dtype, from.bytes, "scratch", from.place);
    this.buffers.set(node, buffer);
    this.lifetimes.set(buffer, lifetime);
    return buffer;
  }

  private endsHere(input: Tensor, node: Tensor, index: number, lastUse: ReadonlyMap<Tensor, number>): boolean {
    const owner = this.buffers.get(storageNode(input));
    const lifetime = owner && this.lifetimes.get(owner);
    const elementBytes = (each: Tensor) => this.backend.bytesOf(each.dtype, 1);
    return (
      lifetime !== undefined &&
      lastUse.get(storageNode(input)) === index &&
      lifetime.last === index &&
      sameShape(input.shape, node.shape) &&
      elementBytes(input) === elementBytes(node)
    );
  }
}
