import type { FinishedTrial, Trial } from "../define-study.js";

// The student is resnet8 at a quarter of its width, in which the WRPN study had found a loss of more than three points at two bits
// before anybody looked at distillation. The teacher is deeper: resnet20 of the same width, in full precision.
//
// Trials of one seed are pairs: the same initial student, the same batches in the same order, with a teacher and without. B and C
// learn from one trained teacher; A trains its own from scratch, as the scheme says. Each schedule has its control: C's two phases
// without a teacher, and no teacher for as many epochs as C has in all.

export const SEEDS = [1, 2, 3, 4, 5];
export const EPOCHS = 4;
const FINE_TUNING_EPOCHS = 2;
const WIDE_EPOCHS = 3; // a wide student takes three times as long
export const FEWER_EPOCHS = 3;
const TEACHER = "teacher";

const data = { data: "fashion-mnist", batch: 128, augment: "crop:2,flip" };
const optimiser = { optimiser: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4, schedule: "cosine" };

export const teacher: Trial = {
  key: TEACHER,
  configuration: { model: "resnet20", width: 0.25, precision: "fp32", epochs: EPOCHS, seed: 0, ...data, ...optimiser },
};

/** What is at low precision. */
const students = {
  ternary: { width: 0.25, precision: "w2a8", quantizer: "twn" },
  "four-bit": { width: 0.25, precision: "w4a8", quantizer: "wrpn" },
  wide: { width: 0.5, precision: "w2a2", quantizer: "wrpn" },
} as const;

type StudentName = keyof typeof students;

/** Who teaches, and how; "trial NAME" is the network that another trial has trained. */
const ways = {
  none: { scheme: "b", teacher: "none", epochs: EPOCHS },
  a: { scheme: "a", teacher: "resnet20", teacherWidth: 0.25, epochs: EPOCHS },
  b: { scheme: "b", teacher: `trial ${TEACHER}`, epochs: EPOCHS },
  "b-fewer-epochs": { scheme: "b", teacher: `trial ${TEACHER}`, epochs: FEWER_EPOCHS },
  c: { scheme: "c", teacher: `trial ${TEACHER}`, fullPrecisionEpochs: EPOCHS, epochs: FINE_TUNING_EPOCHS },
  "c-no-teacher": { scheme: "c", teacher: "none", fullPrecisionEpochs: EPOCHS, epochs: FINE_TUNING_EPOCHS },
  "none-as-long-as-c": { scheme: "b", teacher: "none", epochs: EPOCHS + FINE_TUNING_EPOCHS },
} as const;

type Way = keyof typeof ways;

export interface Row {
  readonly student: StudentName;
  readonly way: Way;
}

export const rowsOf = (student: StudentName, ...names: Way[]): Row[] => names.map((way) => ({ student, way }));

/** Each in five seeds: they carry the claims. */
export const claimRows = [
  ...rowsOf("ternary", "none", "a", "b", "c", "c-no-teacher", "none-as-long-as-c", "b-fewer-epochs"),
  ...rowsOf("wide", "none", "b"),
];
/** In one: whether four bits look alike. They carry no claim. */
export const otherRows = rowsOf("four-bit", "none", "a", "b", "c");

export const trialOf = ({ student, way }: Row, seed: number): Trial => ({
  key: `${student}-${way}-seed${seed}`,
  configuration: {
    ...{ student: "resnet8", ...students[student], ...ways[way], seed, ...data, ...optimiser },
    ...(student === "wide" && { epochs: WIDE_EPOCHS }),
  },
});

/** What is there of a row, in the order of the seeds. */
export function finishedOf(finished: readonly FinishedTrial[], row: Row): FinishedTrial[] {
  return SEEDS.flatMap((seed) => finished.find(({ key }) => key === trialOf(row, seed).key) ?? []);
}

/** The accuracies of a row, in the order of the seeds; undefined until each is there. */
export function accuraciesOf(finished: readonly FinishedTrial[], row: Row): number[] | undefined {
  const found = finishedOf(finished, row);
  return found.length < SEEDS.length ? undefined : found.map(({ result }) => result.accuracy);
}
