import { createEngine, inLayer, input, multiply, parameter, restoreGraph, storeGraph } from "@lowbit/core-tensor";
import {
  commitGeneration,
  createMemoryDisk,
  openGeneration,
  openStorage,
  readSafetensors,
  writeSafetensors,
} from "@lowbit/core-tensor/storage";
import { packVariables, restoreVariables, unpackVariables } from "@lowbit/nn";
import { expect, it } from "vitest";

// Goal G7: names that mean something to JavaScript are names like any other.
const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"];

it.each(names)("a variable called %j goes into a checkpoint and comes back", async (name) => {
  const engine = await createEngine({ backend: "js" });
  const data = Float32Array.from([1, 2, 3]);
  const variable = parameter(name, [3], data);
  const bytes = await packVariables(engine, [variable]);
  await engine.write(variable, { dtype: "f32", shape: [3], data: new Float32Array(3) });
  await restoreVariables(engine, [variable], unpackVariables(bytes, "a"), "a");
  expect([...(await engine.read(variable)).data]).toEqual([1, 2, 3]);
  await engine.close();
});

it.each(names)("a layer, an input and an output called %j are stored in a graph and built again", async (name) => {
  const output = inLayer(name, () => multiply(input(name, [1, 2]), 3));
  const { graph, tensors } = storeGraph(Object.fromEntries([[name, output]]));
  const { inputs, outputs } = restoreGraph(JSON.parse(JSON.stringify(graph)), tensors, { batch: 4 });
  expect([...inputs.keys()]).toEqual([name]);
  expect(Object.keys(outputs)).toEqual([name]);
  const restored = Object.getOwnPropertyDescriptor(outputs, name)?.value;
  expect([restored.layer, restored.shape]).toEqual([name, [4, 2]]);
});

it.each(names)("a tensor, its metadata and a field of a state called %j come back", async (name) => {
  const tensor = { dtype: "U8", shape: [2], data: Uint8Array.from([5, 6]) } as const;
  const file = writeSafetensors(new Map([[name, tensor]]), new Map([[name, "text"]]));
  const { tensors, metadata } = readSafetensors(file, { file: "a" });
  expect([...(tensors.get(name)?.data ?? [])]).toEqual([5, 6]);
  expect(metadata.get(name)).toBe("text");
  const storage = openStorage({ disk: createMemoryDisk() });
  await commitGeneration(storage, "/run", { parts: new Map(), state: Object.fromEntries([[name, { polluted: 1 }]]) });
  const state = (await openGeneration(storage, "/run"))?.state as object;
  expect(Object.getOwnPropertyDescriptor(state, name)?.value.polluted).toBe(1);
  expect("polluted" in {}).toBe(false);
});
