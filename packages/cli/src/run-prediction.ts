import { fileURLToPath } from "node:url";
import { ArgumentError, type HostTensor } from "@lowbit/core-tensor";
import { hasErrno, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { type DecodedImage, decodeImage, fitImage } from "@lowbit/data";
import { compileForward } from "@lowbit/nn";
import { type Network, openNetwork } from "./network-folder.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { loadRegistry } from "./plugins.js";
import { rankClasses } from "./rank-classes.js";
import { predictText } from "./run-text-prediction.js";
import { formatTable } from "./table.js";
import { findTextClassifier } from "./text-classifier-folder.js";

/** The packed network that comes with this package; `npm run make-pretrained` makes it. */
export const pretrainedFolder = fileURLToPath(new URL("../assets/resnet8-fashion-mnist-w2a2", import.meta.url));

const MAX_IMAGE_BYTES = 64 * 2 ** 20;

export interface PredictOptions extends Partial<EngineChoice> {
  readonly backend: string;
  readonly model?: string;
  readonly top: number;
  readonly invert: string;
  readonly plugin: readonly string[];
}

export interface Prediction {
  /** The file: a picture, or a text. */
  readonly image: string;
  readonly model: string;
  /** The likeliest first. */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
  /** What was done to the picture. */
  readonly preparation: string;
  readonly inverted: boolean;
}

/** `lowbit predict`, from what was typed to the classes. */
export async function runPrediction(file: string, options: PredictOptions): Promise<Prediction> {
  const { model: folder = pretrainedFolder, top, invert, plugin, backend, threads, build } = options;
  const storage = openStorage();
  const registry = await loadRegistry(storage, plugin);
  const classifier = await findTextClassifier(storage, folder, registry);
  if (classifier) return predictText(file, classifier, { storage, top, backend, threads, build });
  const image = await readImage(storage, file);
  const network = await openNetwork(storage, folder, registry);
  const { images, inverted } = prepareImage(image, network, invert);
  const engine = await openEngine({ backend, threads, build }, "inference");
  try {
    await network.load(engine);
    const { logits } = await compileForward(engine, network.model)({ images });
    const classes = rankClasses(Array.from(logits.data), network.notes.data.classes).slice(0, top);
    return {
      image: file,
      model: folder,
      classes,
      preparation: describePreparation(file, image, network, inverted),
      inverted,
    };
  } finally {
    await engine.close();
  }
}

async function readImage(storage: Storage, file: string): Promise<DecodedImage> {
  const bytes = await storage.read(file, { limit: MAX_IMAGE_BYTES }).catch((error) => {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) throw error;
    throw new ArgumentError(`there is no picture ${JSON.stringify(file)}`, {
      where: file,
      want: "a PNG or JPEG file",
      cause: error,
    });
  });
  return decodeImage(bytes, { file });
}

/** Sets whose things are light on a black ground; a photograph's ground is mostly light. */
const LIGHT_ON_BLACK = /^(fashion-mnist-mini|fashion-mnist|mnist)(:|$)/;

/** The picture as the network was shown its own: cut, resized, perhaps inverted, normalised. */
function prepareImage(
  image: DecodedImage,
  network: Network,
  invert: string,
): { images: HostTensor; inverted: boolean } {
  const [C, H, W] = network.model.inputShape;
  const { name, normalisation } = network.notes.data;
  const pixels = fitImage(image, [C, H, W]);
  const isAsked =
    invert === "yes" || (invert === "auto" && LIGHT_ON_BLACK.test(name) && hasLightBorder(pixels, [C, H, W]));
  const { mean, std } = normalisation;
  const data = Float32Array.from(pixels, (pixel, i) => {
    const channel = Math.floor(i / (H * W));
    return ((isAsked ? 255 - pixel : pixel) / 255 - mean[channel]) / std[channel];
  });
  return { images: { dtype: "f32", shape: [1, C, H, W], data }, inverted: isAsked };
}

/** Whether the outermost pixels are lighter than half on average. */
function hasLightBorder(pixels: Uint8Array, [C, H, W]: readonly [number, number, number]): boolean {
  let [sum, count] = [0, 0];
  for (let c = 0; c < C; c++) {
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        if (y > 0 && y < H - 1 && x > 0 && x < W - 1) continue;
        sum += pixels[(c * H + y) * W + x];
        count++;
      }
    }
  }
  return sum / count > 127.5;
}

function describePreparation(
  file: string,
  { width, height, channels }: DecodedImage,
  network: Network,
  inverted: boolean,
): string {
  const [C, H, W] = network.model.inputShape;
  const steps = [
    width === W && height === H ? undefined : `its middle cut to ${W}:${H} and resized to ${W} x ${H}`,
    channels === C ? undefined : C === 1 ? "turned to grey" : "grey repeated in all channels",
    inverted ? "light and dark swapped (--invert no leaves them)" : undefined,
  ].filter((step) => step !== undefined);
  return `${file}, ${width} x ${height}: ${steps.length === 0 ? "read as it is" : steps.join(", ")}`;
}

export function formatPrediction({ classes }: Prediction): string {
  return formatTable(
    [
      { title: "class", value: (row) => row.name },
      { title: "probability", value: (row) => `${(100 * row.probability).toFixed(1)} %`, isNumber: true },
    ],
    classes,
  );
}
