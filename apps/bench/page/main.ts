import type { ClassifiedImage, ToPage, ToWorker } from "./messages.js";

const find = (id: string): HTMLElement => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
};
const show = (id: string, text: string): void => {
  find(id).textContent = text;
};
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

const train = find("train") as HTMLButtonElement;
const stop = find("stop") as HTMLButtonElement;
const worker = new Worker(new URL("./lab.ts", import.meta.url), { type: "module" });
const tell = (message: ToWorker): void => worker.postMessage(message);

worker.onerror = ({ message }) => show("status", `failed: ${message}`);
worker.onmessage = ({ data }: MessageEvent<ToPage>) => answer(data);

function answer(message: ToPage): void {
  switch (message.kind) {
    case "engine":
      show(
        "backend",
        `${message.backend}, ${message.build}, ${message.threads} thread${message.threads > 1 ? "s" : ""}`,
      );
      show("status", "classifying");
      break;
    case "classified": {
      const { network, packedBytes, latentBytes, images, right, count, msPerImage } = message;
      show("network", network);
      show("packed", `${kilobytes(packedBytes)} (${kilobytes(latentBytes)} in fp32)`);
      show("right", `${((100 * right) / count).toFixed(1)} % of ${count} test images`);
      show("time", `${msPerImage.toFixed(2)} ms`);
      find("images").replaceChildren(...images.map(draw));
      show("status", "ready");
      train.disabled = false;
      break;
    }
    case "step":
      show("progress", `step ${message.step} of ${message.totalSteps}, loss ${message.loss.toFixed(3)}`);
      break;
    case "epoch":
      find("epochs").append(epochRow(message));
      break;
    case "trained":
      show("progress", message.wasStopped ? "stopped" : "trained");
      show("status", "ready");
      train.disabled = false;
      stop.disabled = true;
      break;
    case "failed":
      show("status", `failed: ${message.message}`);
  }
}

function draw({ pixels, label, guess, probability }: ClassifiedImage): HTMLElement {
  const side = Math.sqrt(pixels.length);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  for (let i = 0; i < pixels.length; i++) image.data.set([pixels[i], pixels[i], pixels[i], 255], 4 * i);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  const caption = document.createElement("figcaption");
  caption.textContent = `${guess}, ${(100 * probability).toFixed(0)} %${guess === label ? "" : ` (it is ${label})`}`;
  caption.className = guess === label ? "right" : "wrong";
  const figure = document.createElement("figure");
  figure.append(canvas, caption);
  return figure;
}

function epochRow(epoch: Extract<ToPage, { kind: "epoch" }>): HTMLElement {
  const row = document.createElement("tr");
  const cells = [
    String(epoch.epoch),
    epoch.loss.toFixed(4),
    epoch.trainAccuracy.toFixed(2),
    epoch.testAccuracy.toFixed(2),
    kilobytes(epoch.packedBytes),
    epoch.seconds.toFixed(1),
  ];
  for (const text of cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

train.onclick = () => {
  train.disabled = true;
  stop.disabled = false;
  find("epochs").replaceChildren();
  show("progress", "");
  show("status", "training");
  tell({ kind: "train", epochs: 3, seed: 1 });
};
stop.onclick = () => tell({ kind: "stop" });
