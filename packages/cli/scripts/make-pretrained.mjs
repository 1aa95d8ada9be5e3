// Makes the packed network that comes with this package, assets/resnet8-fashion-mnist-w2a2: `npm run make-pretrained` in the root,
// after `npm run setup`. It trains for minutes on data that comes along; stopped, it goes on where it was.
import { spawnSync } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dirname(packageFolder));
const lowbit = process.env.LOWBIT_MAIN ?? join(packageFolder, "dist/main.js");
const run = join(root, "runs/pretrained"); // ignored by git
const packed = join(root, "runs/pretrained-packed");
const asset = join(packageFolder, "assets/resnet8-fashion-mnist-w2a2");

const experiment = ["--model", "resnet8", "--data", "fashion-mnist-mini", "--precision", "w2a2", "--quantizer", "wrpn"];
const settings = ["--epochs", "20", "--seed", "1", "--augment", "crop:2,flip", "--weight-decay", "5e-4"];

/** Ends this program with the code of the one that failed. */
function call(...words) {
  const { status } = spawnSync(process.execPath, [lowbit, ...words], { stdio: "inherit", cwd: root });
  if (status !== 0) process.exit(status ?? 1);
}

call("train", ...experiment, ...settings, "--out", run, "--resume");
rmSync(packed, { recursive: true, force: true });
call("convert", run, "--out", packed);
call("eval", packed);
rmSync(asset, { recursive: true, force: true });
renameSync(packed, asset);
