import { ArgumentError } from "@lowbit/core-tensor";
import { didYouMean } from "../did-you-mean.js";
import type { Layer } from "../layers/layer.js";
import { alexnet, alexnetOneTower } from "./alexnet.js";
import { bnInception } from "./bn-inception.js";
import { imagenetResnet } from "./imagenet-resnet.js";
import { inceptionResnetV2 } from "./inception-resnet-v2.js";
import { mlp } from "./mlp.js";
import type { Model, ModelOptions } from "./model.js";
import { raiseReluThreshold } from "./raise-relu-threshold.js";
import { resnet } from "./resnet.js";
import { simpleCnn } from "./simple-cnn.js";

/** The images that a network was made for. */
type ImageKind = Required<Pick<ModelOptions, "inputShape" | "classes">>;

const fashionMnist: ImageKind = { inputShape: [1, 28, 28], classes: 10 };
const imagenet: ImageKind = { inputShape: [3, 224, 224], classes: 1000 };

interface Architecture {
  readonly build: (options: Required<ModelOptions>) => Layer;
  /** The smallest height and width that its strides and pools leave something of. */
  readonly smallestSide: number;
  /** What is taken where the options say nothing. */
  readonly images: ImageKind;
}

const architectures: ReadonlyMap<string, Architecture> = new Map([
  ["resnet8", { build: (options) => resnet(1, options), smallestSide: 1, images: fashionMnist }],
  ["resnet20", { build: (options) => resnet(3, options), smallestSide: 1, images: fashionMnist }],
  ["resnet32", { build: (options) => resnet(5, options), smallestSide: 1, images: fashionMnist }],
  ["simple-cnn", { build: simpleCnn, smallestSide: 4, images: fashionMnist }],
  ["mlp", { build: mlp, smallestSide: 1, images: fashionMnist }],
  ["alexnet", { build: alexnet, smallestSide: 63, images: imagenet }],
  ["alexnet-one-tower", { build: alexnetOneTower, smallestSide: 63, images: imagenet }],
  [
    "resnet18",
    { build: (options) => imagenetResnet("basic", [2, 2, 2, 2], options), smallestSide: 1, images: imagenet },
  ],
  [
    "resnet34",
    { build: (options) => imagenetResnet("basic", [3, 4, 6, 3], options), smallestSide: 1, images: imagenet },
  ],
  [
    "resnet50",
    { build: (options) => imagenetResnet("bottleneck", [3, 4, 6, 3], options), smallestSide: 1, images: imagenet },
  ],
  [
    "resnet101",
    { build: (options) => imagenetResnet("bottleneck", [3, 4, 23, 3], options), smallestSide: 1, images: imagenet },
  ],
  ["bn-inception", { build: bnInception, smallestSide: 1, images: imagenet }],
  [
    "inception-resnet-v2",
    { build: inceptionResnetV2, smallestSide: 75, images: { inputShape: [3, 299, 299], classes: 1000 } },
  ],
] satisfies [string, Architecture][]);

/** The built-in models. */
export const modelNames: readonly string[] = [...architectures.keys()];

/** A wider network than this is a slip of the keyboard: memory and time grow with its square. */
const LARGEST_WIDTH = 64;
const knownOptions = ["inputShape", "classes", "width", "firstLayerWidth", "seed", "reluThreshold"];

function refuse(option: string, value: unknown, want: string): never {
  throw new ArgumentError(`a model can't have ${option} ${JSON.stringify(value) ?? value}`, {
    op: "createModel",
    where: option,
    want,
    got: value,
  });
}

const isWhole = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= least;

function checkOptions(given: ModelOptions, images: ImageKind): Required<ModelOptions> {
  for (const name of Object.keys(given)) {
    if (!knownOptions.includes(name)) {
      const near = didYouMean(name, knownOptions);
      throw new ArgumentError(`a model has no option "${name}"`, {
        op: "createModel",
        want: knownOptions.join(", "),
        hint: near && `did you mean "${near}"?`,
      });
    }
  }
  const { inputShape = images.inputShape, classes = images.classes } = given;
  const { width = 1, firstLayerWidth = width, seed = 0, reluThreshold = 0 } = given;
  if (!Array.isArray(inputShape) || inputShape.length !== 3 || !inputShape.every((size) => isWhole(size, 1))) {
    refuse("inputShape", inputShape, "[channels, height, width] of one image, whole numbers from 1");
  }
  if (!isWhole(classes, 1)) refuse("classes", classes, "a whole number from 1");
  for (const [name, value] of Object.entries({ width, firstLayerWidth })) {
    if (!(typeof value === "number" && value > 0 && value <= LARGEST_WIDTH)) {
      refuse(
        name,
        typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
        `a number above 0 and at most ${LARGEST_WIDTH}`,
      );
    }
  }
  if (!isWhole(seed, 0)) refuse("seed", seed, "a whole number from 0 to 2^53 - 1");
  if (!(typeof reluThreshold === "number" && reluThreshold >= 0 && Number.isFinite(reluThreshold))) {
    refuse(
      "reluThreshold",
      typeof reluThreshold === "number" ? String(reluThreshold) : reluThreshold,
      "a number from 0",
    );
  }
  return { inputShape: [...inputShape], classes, width, firstLayerWidth, seed, reluThreshold };
}

function findArchitecture(name: string): Architecture {
  const found = architectures.get(name);
  if (found) return found;
  const near = didYouMean(name, modelNames);
  throw new ArgumentError(`there is no model "${name}"`, {
    op: "createModel",
    want: modelNames.join(", "),
    got: name,
    hint: near && `did you mean "${near}"?`,
  });
}

/**
 * Makes a built-in model with fresh weights: the same name, options and seed give the same weights everywhere. They are drawn
 * when they are first needed, so that the graph of a large network costs milliseconds.
 *
 * @throws {ArgumentError} for an unknown name, with the nearest known one, or an option that makes no sense
 * @example const model = createModel("resnet8", { inputShape: [1, 28, 28], classes: 10, width: 2 });
 */
export function createModel(name: string, options: ModelOptions = {}): Model {
  const { build, smallestSide, images } = findArchitecture(name);
  const complete = checkOptions(options, images);
  const { inputShape } = complete;
  if (Math.min(inputShape[1], inputShape[2]) < smallestSide) {
    refuse("inputShape", inputShape, `images of at least ${smallestSide} × ${smallestSide} for ${name}`);
  }
  const { reluThreshold, ...usual } = complete;
  const { variables, forward } = build(complete);
  if (reluThreshold === 0) return { name, options: usual, inputShape, variables, forward };
  return { name, options: complete, inputShape, variables, forward: raiseReluThreshold(forward, reluThreshold) };
}
