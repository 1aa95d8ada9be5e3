import type { Engine } from "@lowbit/core-tensor";
import { openStorage, type Storage } from "@lowbit/core-tensor/storage";
import {
  type EpochReport,
  type Evaluation,
  evaluateModel,
  type JsonRecord,
  type Loader,
  type Model,
  saveCheckpoint,
} from "@lowbit/nn";
import {
  applyQuantization,
  type CalibrationStage,
  calibrate,
  latentBytes,
  type PreparedModel,
  packedBytes,
  planQuantization,
  type Registry,
} from "@lowbit/quant";
import { inSource } from "./experiment.js";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { type FullPrecisionNetwork, openFullPrecision, testLoader } from "./open-full-precision.js";
import { checkOutFolder } from "./out-folder.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { type Lowering, type LoweringChoice, readLowering } from "./read-lowering.js";
import { type Column, formatBytes, formatTable } from "./table.js";

export interface CalibrateOptions extends LoweringChoice, Partial<EngineChoice> {
  readonly backend: string;
  readonly out?: string;
  readonly data?: string;
  readonly images: number;
  readonly seed: number;
  readonly limit?: number;
  readonly equalise: "if-closer" | "always" | "never";
  readonly learnRounding: boolean;
  readonly correctBias: boolean;
  readonly roundingSteps: number;
  readonly plugin: readonly string[];
}

/** How well a network does on the test images behind one technique. */
export interface StageFigures extends Evaluation {
  readonly technique: string;
}

/** What `lowbit calibrate` did, on the test images where it says accuracy or loss. */
export interface Calibration {
  readonly from: string;
  readonly out: string;
  readonly model: string;
  readonly precision: string;
  readonly quantizer: string;
  /** Training images that it was calibrated with, and what drew them. */
  readonly calibrationImages: number;
  readonly seed: number;
  /** "full precision", then each technique, on top of those before it. */
  readonly stages: readonly StageFigures[];
  readonly testImages: number;
  readonly accuracy: number;
  readonly loss: number;
  readonly latentBytes: number;
  readonly packedBytes: number;
}

/** `lowbit calibrate`, from what was typed to the lowered network. */
export async function runCalibration(folder: string, options: CalibrateOptions): Promise<Calibration> {
  const { out = "", backend, threads, build, plugin, images, seed, data } = options;
  const storage = openStorage();
  const registry = await loadRegistry(storage, plugin);
  const opened = await openFullPrecision(storage, folder, { registry, images, seed, data });
  const { network } = opened;
  const lowering = await readLowering(storage, options, { trained: network.notes.experiment, registry });
  await checkOutFolder(storage, out);
  await checkLowering(network.model, lowering, registry); // before minutes of scoring
  const engine = await openEngine({ backend, threads, build }, "training");
  const test = testLoader(opened, options.limit);
  try {
    await network.load(engine);
    const score = scorer(engine, test);
    const stages: StageFigures[] = [await score("full precision", network.model)];
    note(describeStage(stages[0]));
    const { scheme, overrides } = lowering;
    const lowered = await calibrate(
      { engine, model: network.model, images: opened.images },
      {
        ...{ precision: lowering.precision, scheme, overrides, registry, warn },
        equalise: options.equalise,
        correctBias: options.correctBias,
        learnRounding: options.learnRounding && { steps: options.roundingSteps, seed },
        onStage: async (stage) => {
          const figures = await score(stage.technique, stage.model);
          stages.push(figures);
          note(describeStage(figures, stage));
        },
      },
    );
    const { accuracy, loss, images: testImages } = stages[stages.length - 1];
    const calibrationImages = opened.images.reduce((sum, { shape }) => sum + shape[0], 0);
    const calibration: Calibration = {
      ...{ from: folder, out, model: network.model.name },
      ...{ precision: lowering.precision, quantizer: lowering.quantizer },
      ...{ calibrationImages, seed, stages, testImages, accuracy, loss },
      ...{ latentBytes: latentBytes(lowered), packedBytes: packedBytes(lowered) },
    };
    await saveLowered(storage, calibration, { opened, engine, lowered, lowering, options });
    return calibration;
  } finally {
    await test.close();
    await engine.close();
  }
}

/** Finds what layers are to have, and refuses what one of them can't. */
async function checkLowering(
  { fullPrecision }: PreparedModel,
  { precision, scheme, overrides, source }: Lowering,
  registry: Registry,
): Promise<void> {
  await inSource(source, async () => {
    const quantization = await planQuantization(fullPrecision, { precision, scheme, overrides, registry });
    applyQuantization(fullPrecision, quantization, registry);
  });
}

/** Evaluates a model on the test images. */
function scorer(engine: Engine, loader: Loader) {
  return async (technique: string, model: Model): Promise<StageFigures> => {
    const { imagesPerSecond: _, ...evaluation } = await evaluateModel({ engine, model, loader });
    return { technique, ...evaluation };
  };
}

/** The lowered network as a checkpoint: what the run in full precision was, and how it was lowered. */
async function saveLowered(
  storage: Storage,
  { from, out, calibrationImages, seed, stages }: Calibration,
  run: {
    readonly opened: FullPrecisionNetwork;
    readonly engine: Engine;
    readonly lowered: PreparedModel;
    readonly lowering: Lowering;
    readonly options: CalibrateOptions;
  },
): Promise<void> {
  const { opened, engine, lowered, lowering, options } = run;
  const { checkpoint, notes } = opened.network;
  const { precision, quantizer, quantizerOptions, overrides } = lowering;
  const identity = {
    ...notes,
    experiment: { ...notes.experiment, precision, quantizer, quantizerOptions, overrides },
    quantization: lowered.quantization,
    calibration: {
      ...{ from, images: calibrationImages, seed, stages },
      ...(options.learnRounding && { roundingSteps: options.roundingSteps }),
    },
  };
  const { technique: _, ...evaluation } = stages[stages.length - 1];
  const { progress, scheduleState } = checkpoint;
  await saveCheckpoint(storage, out, {
    ...{ engine, model: lowered, scheduleState },
    run: { ...checkpoint.run, identity: JSON.parse(JSON.stringify(identity)) as JsonRecord },
    progress: { ...progress, lastEpoch: { ...(progress.lastEpoch as EpochReport), evaluation } },
  });
}

const techniques: Readonly<Record<string, string>> = {
  lowered: "lowered, scales fitted",
  equalised: "layers equalised",
  rounded: "rounding learned",
  corrected: "bias corrected",
};

function describeStage({ technique, accuracy, loss }: StageFigures, stage?: CalibrationStage): string {
  const name = techniques[technique] ?? technique;
  const details = stage === undefined ? "" : detailsOf(stage);
  return `  ${name}: ${accuracy.toFixed(2)} %, loss ${loss.toFixed(4)}${details && ` (${details})`}`;
}

function detailsOf(stage: CalibrationStage): string {
  if (stage.technique === "equalised") {
    const done = `${stage.pairs.length} pairs, ${stage.absorbed.length} batch norms absorbed`;
    return stage.isKept ? done : "not kept: logits would lie further from full precision";
  }
  if (stage.technique === "rounded") {
    const sum = (pick: (layer: { flipped: number; weights: number }) => number) =>
      stage.layers.reduce((total, layer) => total + pick(layer), 0);
    const flipped = (100 * sum((layer) => layer.flipped)) / sum((layer) => layer.weights);
    const kept = stage.layers.filter((layer) => layer.kept !== undefined);
    const stayed =
      kept.length === 0 ? "" : `; ${kept.map((layer) => `${layer.layer} stays nearest: ${layer.kept}`).join(", ")}`;
    return `${flipped.toFixed(1)} % of the weights rounded the other way${stayed}`;
  }
  return stage.technique === "corrected" ? `${stage.layers.length} layers` : "";
}

const columns: readonly Column<StageFigures>[] = [
  { title: "technique", value: ({ technique }) => techniques[technique] ?? technique },
  { title: "accuracy", value: ({ accuracy }) => `${accuracy.toFixed(2)} %`, isNumber: true },
  { title: "loss", value: ({ loss }) => loss.toFixed(4), isNumber: true },
];

export function formatCalibration(calibration: Calibration): string {
  const { model, precision, quantizer, calibrationImages, testImages, stages, out } = calibration;
  const [latent, packed] = [formatBytes(calibration.latentBytes), formatBytes(calibration.packedBytes)];
  return [
    `${model}, ${precision} by ${quantizer}, without training: ${calibrationImages} training images seen, ${testImages} test images scored`,
    "",
    formatTable(columns, stages),
    "",
    `latent weights ${latent}, packed ${packed}; written to ${out}`,
  ].join("\n");
}
