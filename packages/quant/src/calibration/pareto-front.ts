import { ArgumentError } from "@lowbit/core-tensor";

/** One way to compute a layer: what it costs, and what it adds to the loss. */
export interface LayerChoice {
  readonly cost: number;
  readonly loss: number;
}

/** A choice for each layer, and the sums of what they cost and add to the loss. */
export interface FrontPoint extends LayerChoice {
  /** Of each layer in order: the number of its choice. */
  readonly choices: readonly number[];
}

export interface ParetoFront {
  /** From the cheapest up: each costs more than the one before it and loses less. No combination is better in both. */
  readonly points: readonly FrontPoint[];
  /** False where there were more than `mostPoints` of them on the way: then some were left out, evenly over the cost. */
  readonly isExact: boolean;
}

export interface FrontOptions {
  /** No point costs more. */
  readonly budget?: number;
  /** Points that are kept after each layer; 10 000 where absent. */
  readonly mostPoints?: number;
}

interface State extends LayerChoice {
  readonly choice: number;
  readonly before: State | undefined;
}

/**
 * All combinations of one choice for each layer that no other combination beats in cost and in loss, where both add up over the
 * layers: dynamic programming, layer by layer, over the best ways so far. Exact: what is dominated after some layers is so at the end.
 *
 * @param layers  the choices of each layer
 * @throws {ArgumentError} for a layer without choices, or numbers that are none
 * Source: the multiple-choice knapsack by lists of undominated states (Kellerer, Pferschy and Pisinger, "Knapsack problems", section 11.5)
 */
export function paretoFront(layers: readonly (readonly LayerChoice[])[], options: FrontOptions = {}): ParetoFront {
  const { budget = Number.POSITIVE_INFINITY, mostPoints = 10_000 } = options;
  layers.forEach((choices, i) => {
    const isSound = choices.every(({ cost, loss }) => Number.isFinite(cost) && Number.isFinite(loss));
    if (choices.length > 0 && isSound) return;
    throw new ArgumentError(`layer ${i} has ${choices.length === 0 ? "no choices" : "a choice that is no number"}`, {
      where: `layers[${i}]`,
      want: "at least one choice, with a finite cost and loss",
      got: choices,
    });
  });
  const cheapest = layers.map((choices) => Math.min(...choices.map(({ cost }) => cost)));
  let toCome = cheapest.reduce((sum, cost) => sum + cost, 0);
  let states: State[] = [{ cost: 0, loss: 0, choice: -1, before: undefined }];
  let isExact = true;
  layers.forEach((choices, i) => {
    toCome -= cheapest[i];
    const reached = states.flatMap((before) =>
      choices.map(({ cost, loss }, choice) => ({ cost: before.cost + cost, loss: before.loss + loss, choice, before })),
    );
    const slack = 1e-9 * Math.abs(budget); // sums of numbers that are not whole
    states = undominated(reached.filter(({ cost }) => cost + toCome <= budget + slack));
    if (states.length > mostPoints) {
      states = thinned(states, mostPoints);
      isExact = false;
    }
  });
  const points = states.map((state) => ({ cost: state.cost, loss: state.loss, choices: choicesOf(state) }));
  return { points, isExact };
}

function undominated(states: State[]): State[] {
  states.sort((a, b) => a.cost - b.cost || a.loss - b.loss);
  let least = Number.POSITIVE_INFINITY;
  return states.filter(({ loss }) => {
    if (loss >= least) return false;
    least = loss;
    return true;
  });
}

/** Of states in order of cost, the one that loses least in each of so many equal ranges of the cost. */
function thinned(states: readonly State[], count: number): State[] {
  const [first, last] = [states[0].cost, states[states.length - 1].cost];
  const rangeOf = ({ cost }: State) => Math.min(count - 1, Math.floor(((cost - first) / (last - first)) * count));
  return states.filter((state, i) => i === states.length - 1 || rangeOf(states[i + 1]) !== rangeOf(state));
}

function choicesOf(state: State): number[] {
  const choices: number[] = [];
  for (let at: State | undefined = state; at?.before; at = at.before) choices.push(at.choice);
  return choices.reverse();
}
