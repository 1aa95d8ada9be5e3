import { readFileSync } from "node:fs";
import { defaultDevice, init, jit, lax, numpy as np } from "@jax-js/jax";
import { type HostTensor, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import type { Contestant } from "../suites/contest.js";

type JaxArray = np.Array;

// An evaluation graph of ours in jax-js' operations, compiled by it as a whole. Its arrays count their readers: who uses one
// passes `.ref`, and what is left is let go at the end.

/** jax-js' array for one node of ours. */
function computeNode({ op, attributes, shape, inputs: nodes }: Tensor, inputs: readonly JaxArray[]): JaxArray {
  const [x, y] = inputs;
  switch (op.name) {
    case "add":
      return x.add(y);
    case "subtract":
      return x.sub(y);
    case "multiply":
      return x.mul(y);
    case "divide":
      return x.div(y);
    case "sqrt":
      return np.sqrt(x);
    case "relu":
      return np.maximum(x, 0);
    case "matmul":
      return np.matmul(attributes.transposeA ? np.transpose(x) : x, attributes.transposeB ? np.transpose(y) : y);
    case "mean":
      return np.mean(x, attributes.axes, { keepdims: attributes.keepDims });
    case "reshape":
      return np.reshape(x, [...shape]);
    case "conv2d": {
      const [top, bottom, left, right] = attributes.padding;
      const padding: [number, number][] = [
        [top, bottom],
        [left, right],
      ];
      const options = { rhsDilation: [...attributes.dilation], featureGroupCount: attributes.groups };
      return lax.convGeneralDilated(x, y, [...attributes.stride], padding, options);
    }
    case "maxPool2d": {
      const [top, bottom, left, right] = attributes.padding;
      if (top + bottom + left + right > 0 && nodes[0].op.name !== "relu") throw new Error("jax-js pads with 0 alone");
      const padded = np.pad(x, { 2: [top, bottom], 3: [left, right] });
      return lax.reduceWindow(padded, np.max, [...attributes.window], [...attributes.stride]);
    }
    default:
      throw new Error(`no operation of jax-js is known here for ${op.name}`);
  }
}

/** Its package.json is not among its exports, but lies beside them. */
const readVersion = (): string =>
  JSON.parse(readFileSync(new URL("../package.json", import.meta.resolve("@jax-js/jax")), "utf8")).version;

const isSource = (node: Tensor): boolean => node.inputs.length === 0;

/** The graph below `output` as a function of its leaves, in their order. */
function asFunction(output: Tensor) {
  const order = topologicalOrder([output]);
  const leaves = order.filter(isSource);
  const compute = (...values: JaxArray[]): JaxArray => {
    const known = new Map(leaves.map((leaf, i) => [leaf, values[i]]));
    for (const node of order) {
      if (isSource(node)) continue;
      const inputs = node.inputs.map((input) => (known.get(input) as JaxArray).ref);
      known.set(node, computeNode(node, inputs));
    }
    for (const [node, value] of known) if (node !== output) value.dispose();
    return known.get(output) as JaxArray;
  };
  return { leaves, compute };
}

/**
 * A graph of ours on jax-js' WebAssembly backend. Weights stay there; so do the images.
 *
 * @param values  of its variables, constants and inputs
 * @throws for more than one thread: it wants the Workers of a browser for them
 */
export async function openJax(
  output: Tensor,
  values: (leaf: Tensor) => HostTensor,
  threads: number,
): Promise<Contestant> {
  if (threads > 1) throw new Error("its threads do not start in Node");
  return withoutWorker(async () => {
    await init("wasm");
    defaultDevice("wasm");
    const { leaves, compute } = asFunction(output);
    const compiled = jit(compute);
    const kept = leaves.map((leaf) => {
      const { data, shape } = values(leaf);
      return np.array(Float32Array.from(data)).reshape([...shape]);
    });
    const run = async () => (await compiled(...kept.map((value) => value.ref)).data()) as Float32Array;
    await run(); // compiles all of it
    return {
      ...{ version: readVersion(), run },
      async close() {
        for (const value of kept) value.dispose();
        compiled.dispose();
      },
    };
  });
}

/** Some peers leave a `Worker` behind in Node; jax-js takes that for a browser's, and its modules for memory that threads share. */
async function withoutWorker<T>(work: () => Promise<T>): Promise<T> {
  const scope = globalThis as { Worker?: unknown };
  const { Worker } = scope;
  scope.Worker = undefined;
  try {
    return await work();
  } finally {
    scope.Worker = Worker;
  }
}
