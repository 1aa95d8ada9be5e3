import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLineOf } from "./command-name.js";
import type { LayerKernel } from "./evaluate-network.js";
import type { Demo, DemoNetwork } from "./run-demo.js";
import { type Column, formatBytes, formatTable } from "./table.js";

/** An ankle boot that comes with this package. */
const examplePicture = fileURLToPath(new URL("../assets/ankle-boot.png", import.meta.url));

const percent = (value: number | undefined): string => (value === undefined ? "" : `${value.toFixed(2)} %`);
const size = (bytes: number | undefined): string => (bytes === undefined ? "" : formatBytes(bytes));

/** The kernel that most of the quantized layers ran, or most of all layers where none is quantized. */
function mainKernel(kernels: readonly LayerKernel[]): string {
  const quantized = kernels.filter(({ wBits, aBits }) => wBits < 32 && aBits < 32);
  const counts = new Map<string, number>();
  for (const { kernel } of quantized.length > 0 ? quantized : kernels)
    counts.set(kernel, (counts.get(kernel) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "";
}

const columns: readonly Column<DemoNetwork>[] = [
  { title: "network", value: (row) => row.title },
  { title: "accuracy", value: (row) => percent(row.accuracy), isNumber: true },
  { title: "packed", value: (row) => percent(row.packedAccuracy), isNumber: true },
  { title: "latent size", value: (row) => size(row.latentBytesOnDisk), isNumber: true },
  { title: "packed size", value: (row) => size(row.packedBytesOnDisk), isNumber: true },
  { title: "WRPN cost", value: (row) => `${row.relativeCost.toFixed(3)} x`, isNumber: true },
  { title: "images/s", value: (row) => row.imagesPerSecond.toFixed(0), isNumber: true },
  { title: "kernel", value: (row) => mainKernel(row.kernels) },
];

/** The demo's one table, where everything lies, and what to try next. */
export function formatDemo({ out, epochs, trainImages, testImages, seconds, networks, quick }: Demo): string {
  const paths = networks.flatMap(({ folder, packedFolder }) =>
    packedFolder === undefined ? [folder] : [folder, packedFolder],
  );
  const packed = networks.flatMap(({ packedFolder }) => packedFolder ?? []);
  return [
    "",
    formatTable(columns, networks),
    "",
    `Trained for ${epochs} epoch${epochs === 1 ? "" : "s"} on ${trainImages} images of Fashion-MNIST, tested on ${testImages}; ${seconds.toFixed(0)} s in all.`,
    "Accuracy: as trained (low precision simulated in fp32), and packed (integer kernels): the same. Sizes are those on disk.",
    "WRPN cost: multiply-accumulates times (weight bits + activation bits), as a part of the fp32 network's.",
    "",
    `Written below ${out}:`,
    ...paths.map((path) => `  ${path}`),
    "",
    "Try next:",
    `  ${commandLineOf("inspect", packed[packed.length - 1])}`,
    `  ${commandLineOf("predict", relative(process.cwd(), examplePicture), "--model", packed[packed.length - 1])}`,
    ...(quick ? [`  ${commandLineOf("demo")}`] : []),
    `  ${commandLineOf("train", "--model", "resnet8", "--data", "fashion-mnist-mini", "--precision", "w2a2", "--width", "2", "--epochs", "10", "--seed", "1", "--out", "runs/w2a2")}`,
  ].join("\n");
}
