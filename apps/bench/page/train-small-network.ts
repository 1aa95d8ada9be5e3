import type { Engine } from "@lowbit/core-tensor";
import { createLoader, type Dataset } from "@lowbit/data";
import { cosineSchedule, createModel, sgd, train } from "@lowbit/nn";
import { builtIns, createRegistry, packedBytes, prepare } from "@lowbit/quant";
import { plugin as wrpn } from "@lowbit/wrpn";

export interface EpochOfPage {
  readonly epoch: number;
  readonly loss: number;
  /** In per cent, over the epoch's own steps. */
  readonly trainAccuracy: number;
  /** In per cent, of the test images after the epoch. */
  readonly testAccuracy: number;
  readonly packedBytes: number;
}

/** A resnet8 of a quarter of its width at w2a2: the same in a page and in Node, bit for bit, whatever the number of threads. */
export async function trainSmallNetwork(
  engine: Engine,
  { train: trainingSplit, test: testSplit, imageShape, classes, normalisation }: Dataset,
  options: {
    readonly epochs: number;
    readonly seed: number;
    readonly signal?: AbortSignal;
    onStep?(step: { readonly step: number; readonly totalSteps: number; readonly loss: number }): void;
    onEpoch(epoch: EpochOfPage): void;
  },
): Promise<void> {
  const { epochs, seed, signal } = options;
  const registry = createRegistry(builtIns, wrpn);
  const plain = createModel("resnet8", { inputShape: imageShape, classes: classes.length, width: 0.25, seed });
  const model = await prepare(plain, { precision: "w2a2", scheme: registry.scheme("wrpn"), registry });
  const augment = { crop: 2, flip: true };
  const loader = createLoader(trainingSplit, { batch: 64, seed, shuffle: true, augment, ...normalisation });
  const evaluate = createLoader(testSplit, { batch: 100, ...normalisation });
  const totalSteps = epochs * loader.batchesPerEpoch;
  try {
    await train({
      ...{ engine, model, loader, evaluate, epochs, signal },
      optimiser: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
      schedule: cosineSchedule({ learningRate: 0.1 }),
      callbacks: {
        onStep: ({ step, loss }) => options.onStep?.({ step, totalSteps, loss }),
        onEpoch: ({ epoch, loss, accuracy, evaluation }) =>
          options.onEpoch({
            ...{ epoch, loss, trainAccuracy: accuracy },
            testAccuracy: evaluation?.accuracy ?? 0,
            packedBytes: packedBytes(model),
          }),
      },
    });
  } finally {
    await loader.close();
    await evaluate.close();
  }
}
