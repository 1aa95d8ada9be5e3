import { createEngine } from "@lowbit/core-tensor";
import { expect, it } from "vitest";
import { startTensorflow } from "../../src/peers/tensorflow/start-tensorflow.js";
import { checkLstmTraining, openOnnxLstm, openPackedLstm } from "../../src/suites/recurrent-suite.js";

const small = { size: 12, steps: 5, batch: 3 };

it("a training step of an LSTM that is timed is the peer's", async () => {
  await startTensorflow("wasm");
  const engine = await createEngine({ threads: 1 });
  await expect(checkLstmTraining(small, engine)).resolves.toMatch(/within/);
  await engine.close();
});

it("an LSTM gives what ONNX's gives over the same matrices, and opens at low precision only where packing changed no bit", async () => {
  const engine = await createEngine({ threads: 1 });
  const [ours, peer] = [
    await openPackedLstm(engine, small, "fp32"),
    await openOnnxLstm("onnxruntime-node", engine, small),
  ];
  const [a, b] = [Float32Array.from(await ours.run()), await peer.run()];
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i], 5);
  });
  await peer.close();
  const low = await (await openPackedLstm(engine, small, "w2a2")).run();
  expect(Math.max(...Array.from(low, Math.abs))).toBeGreaterThan(0);
  await engine.close();
});
