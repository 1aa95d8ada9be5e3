import { ArgumentError, ConfigurationError, input, type Tensor } from "@lowbit/core-tensor";
import { createModel, type Model } from "@lowbit/nn";
import { parsePrecision } from "@lowbit/quant";

/** Which built-in network is meant, as options of a verb say it. */
export interface NetworkChoice {
  readonly model: string;
  readonly width: number;
  readonly firstLayerWidth?: number;
  /** "3,224,224" */
  readonly input?: string;
  readonly classes?: number;
}

/** Runs what reads an option; what it refuses is a mistake of usage, told with the option's name. */
export function resolveOption<Result>(option: string, resolve: () => Result): Result {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof ConfigurationError)) throw error;
    const [headline] = error.message.split("\n");
    const { want, got, hint } = error;
    throw new ArgumentError(headline, { where: option, want, got, hint, cause: error });
  }
}

/** The network as a graph: no weight is drawn. */
export function builtInNetwork({ model, input: shape, ...options }: NetworkChoice): Model {
  const inputShape = shape?.split(/[,x]/).map(Number);
  return resolveOption("--model", () => createModel(model, withoutAbsent({ ...options, inputShape })));
}

/** Options that were not given are left to the model. */
function withoutAbsent<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

/** What it computes from a batch of images, in evaluation. */
export const logitsOf = (model: Model, batch = 1): Tensor =>
  model.forward(input("images", [batch, ...model.inputShape]), { training: false });

export const precisionOption = (text: string): string => resolveOption("--precision", () => parsePrecision(text)).name;
