import { type Backend, type Buffer, Engine, elementsOf, type LoadedProgram, type Program } from "@lowbit/core-tensor";

/** A backend that plans like another one and computes nothing; it keeps the programs that it was given. */
export function planningEngine(like: Backend): { engine: Engine; programs: Program[] } {
  const programs: Program[] = [];
  const load = (program: Program): LoadedProgram => {
    programs.push(program);
    return { choices: [], run: async () => undefined, commit: async () => -1, dispose: () => undefined };
  };
  const backend = new Proxy(like, {
    get: (target, name) => {
      if (name === "load") return load;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { engine: new Engine(backend), programs };
}

/** What a stretch of scratch holds. */
export type Term =
  | "activations"
  | "copies behind batch norm and ReLU"
  | "gradient maps"
  | "weight gradients and new values"
  | "statistics and scalars"
  | "workspace of kernels";

interface Stretch {
  readonly term: Term;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
  readonly first: number;
  last: number;
}

/**
 * Walks through a program of a training step and adds up what lies in scratch when most of it is taken.
 *
 * @param batch  the first axis of maps and of nothing else
 */
export function replayScratch(program: Program, batch: number): { peakBytes: number; terms: Map<Term, number> } {
  const { calls } = program;
  const backwardFrom = calls.findIndex(({ op }) => op.name === "crossEntropyGradient");
  const parameterShapes = new Set([...program.variables.keys()].filter((v) => v.trainable).map((v) => v.shape.join()));
  const termOf = ({ shape }: Buffer, call: (typeof calls)[number], index: number): Term => {
    const codes: string[] = call.attributes?.steps?.map(({ code }: { code: string }) => code) ?? [call.op.name];
    if (shape[0] === batch && shape.length > 1) {
      if (index >= backwardFrom) return "gradient maps";
      const last = codes[codes.length - 1];
      return last === "relu" || last === "batchNormalise" ? "copies behind batch norm and ReLU" : "activations";
    }
    const isWeight = elementsOf(shape) > 1 && parameterShapes.has(shape.join()) && index >= backwardFrom;
    return isWeight ? "weight gradients and new values" : "statistics and scalars";
  };
  const open = new Map<string, Stretch>(); // by place and length: what lies there now
  const all: Stretch[] = [];
  const place = (buffer: Buffer) => `${buffer.offset}+${buffer.bytes}`;
  const put = (buffer: Buffer, term: Term, index: number) => {
    const { offset: from, bytes } = buffer;
    const stretch = { term, bytes, from, to: from + bytes, first: index, last: index };
    open.set(place(buffer), stretch);
    all.push(stretch);
  };
  for (const [, buffer] of program.inputs) put(buffer, "activations", -1);
  calls.forEach((call, index) => {
    for (const buffer of call.inputs) {
      const stretch = buffer.region === "scratch" ? open.get(place(buffer)) : undefined;
      if (stretch) stretch.last = index;
    }
    for (const buffer of call.outputs) {
      if (buffer.region === "scratch") put(buffer, termOf(buffer, call, index), index);
    }
    if (call.workspace.bytes > 0) put(call.workspace, "workspace of kernels", index);
  });
  for (const buffer of [...program.outputs, ...program.assignments.map(({ from }) => from)]) {
    const stretch = buffer.region === "scratch" ? open.get(place(buffer)) : undefined;
    if (stretch) stretch.last = calls.length;
  }
  let peak: Stretch[] = [];
  const bytesOf = (stretches: readonly Stretch[]) => stretches.reduce((sum, { bytes }) => sum + bytes, 0);
  for (let index = 0; index <= calls.length; index++) {
    // A call that writes over its input leaves two stretches in one place: the later one counts.
    const live = all.filter(({ first, last }) => first <= index && index <= last);
    const taken = live.filter((each) => !live.some((other) => other.first > each.first && other.from === each.from));
    if (bytesOf(taken) > bytesOf(peak)) peak = taken;
  }
  const terms = new Map<Term, number>();
  for (const { term, bytes } of peak) terms.set(term, (terms.get(term) ?? 0) + bytes);
  return { peakBytes: bytesOf(peak), terms };
}
