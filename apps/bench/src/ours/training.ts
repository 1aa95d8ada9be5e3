import { type Engine, grad, type HostTensor, type HostTensors, type Tensor } from "@lowbit/core-tensor";
import { crossEntropyLoss, type Model, sgd } from "@lowbit/nn";
import { countOperations } from "./count-operations.js";

export interface TrainingOptions {
  readonly images: HostTensor;
  readonly labels: HostTensor;
  readonly learningRate: number;
  readonly momentum: number;
}

/** A network of ours in training: forward pass, loss, gradients and update in one compiled step, as @lowbit/nn trains. */
export interface Training {
  /** Loss and gradients by the parameters' names. */
  gradients(): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> }>;
  /** One step; resolves to the loss before it. */
  step(): Promise<number>;
  /** Multiplies and adds of the products and convolutions of one step; known after the first. */
  operations(): number;
}

export function startTraining(engine: Engine, model: Model, options: TrainingOptions): Training {
  const { images, labels, learningRate, momentum } = options;
  const parameters = model.variables.filter(({ trainable }) => trainable);
  const update = sgd({ momentum }).forParameters(parameters);
  const rate: HostTensor = { dtype: "f32", shape: [], data: Float32Array.of(learningRate) };
  let operations = 0;
  const differentiate = ({ images, labels }: Record<string, Tensor>) => {
    const loss = crossEntropyLoss(model.forward(images, { training: true }), labels);
    return { loss, gradients: grad(loss, parameters) };
  };
  const step = engine.compile<HostTensors, { loss: Tensor }>(({ learningRate, ...batch }) => {
    const { loss, gradients } = differentiate(batch);
    operations = countOperations([loss, ...gradients]);
    update.update(gradients, learningRate);
    return { loss };
  });
  const gradients = engine.compile<HostTensors, Record<string, Tensor>>((batch) => {
    const { loss, gradients } = differentiate(batch);
    return { loss, ...Object.fromEntries(parameters.map(({ name }, i) => [name, gradients[i]])) };
  });
  return {
    async gradients() {
      const { loss, ...values } = await gradients({ images, labels });
      const named = Object.entries(values).map(([name, { data }]) => [name, data as Float32Array] as const);
      return { loss: loss.data[0], gradients: new Map(named) };
    },
    step: async () => (await step({ images, labels, learningRate: rate })).loss.data[0],
    operations: () => operations,
  };
}
