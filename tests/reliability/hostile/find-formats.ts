import { cifar, gzip, idx, jpeg, png } from "./data-formats.js";
import type { HostileFormat } from "./hostile-format.js";
import { networkFormats } from "./network-formats.js";
import { json, safetensors } from "./tensor-formats.js";

const simple: readonly HostileFormat[] = [safetensors, json, idx, gzip, cifar, png, jpeg];

export async function findFormat(name: string): Promise<HostileFormat> {
  const format =
    simple.find((each) => each.name === name) ?? (await networkFormats()).find((each) => each.name === name);
  if (!format) throw new Error(`no format ${name}`);
  return format;
}

export async function allFormats(): Promise<HostileFormat[]> {
  return [...simple, ...(await networkFormats())];
}
