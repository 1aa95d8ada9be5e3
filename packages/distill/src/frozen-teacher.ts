import { ArgumentError, add, divide, type Engine, ShapeError, type Tensor } from "@lowbit/core-tensor";
import { sha256 } from "@lowbit/core-tensor/storage";
import { type JsonRecord, type Model, packVariables } from "@lowbit/nn";

/** One network that teaches, its weights on the engine that will be asked. */
export interface TeacherNetwork {
  readonly model: Pick<Model, "forward">;
  /** Equal for networks that give the same logits: what `identifyNetwork` makes, or any checksum of weights and graph. */
  readonly identity: string;
}

/** What teaches, and no longer learns. */
export interface FrozenTeacher {
  /** Of all its networks. */
  readonly identity: string;
  /** How many they are. */
  readonly networks: number;
  /** images [N, C, H, W] → logits [N, classes], as in evaluation: no statistics of the batch. */
  forward(images: Tensor): Tensor;
}

/**
 * A teacher of one network, or the average of several: the mean of their logits.
 *
 * @throws {ArgumentError} when there is none
 */
export function frozenTeacher(networks: readonly TeacherNetwork[]): FrozenTeacher {
  if (networks.length === 0) throw new ArgumentError("a teacher needs a network", { want: "one or more", got: 0 });
  return {
    identity: networks.map(({ identity }) => identity).join("+"),
    networks: networks.length,
    forward(images) {
      const logits = networks.map(({ model }) => model.forward(images, { training: false }));
      const shapes = new Set(logits.map(({ shape }) => shape.join()));
      if (shapes.size > 1) {
        const got = Object.fromEntries(logits.map(({ shape }, i) => [`teacher${i + 1}`, shape]));
        throw new ShapeError({ op: "frozenTeacher", want: "logits [N, K] of the same classes", got });
      }
      if (logits.length === 1) return logits[0];
      return divide(
        logits.reduce((total, each) => add(total, each)),
        logits.length,
      );
    },
  };
}

/**
 * A checksum of a network: its weights as they are on the engine, and what it is made of.
 *
 * @param more  what decides its logits beside: how it is quantized
 */
export async function identifyNetwork(
  engine: Engine,
  { name, options, variables }: Pick<Model, "name" | "options" | "variables">,
  more: JsonRecord = {},
): Promise<string> {
  const weights = await sha256(await packVariables(engine, variables));
  return sha256(new TextEncoder().encode(JSON.stringify({ name, options, weights, ...more })));
}
