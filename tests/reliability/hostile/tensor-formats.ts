import { parseJson, readSafetensors, type SafeTensor, writeSafetensors } from "@lowbit/core-tensor/storage";
import { bytesOfOne, bytesOfText, type HostileFormat, oneFile, Unsound } from "./hostile-format.js";
import { mutateBytes } from "./mutate-bytes.js";
import { mutateJson } from "./mutate-json.js";

const tensor = (dtype: SafeTensor["dtype"], shape: number[], bytes: number): SafeTensor => {
  return { dtype, shape, data: Uint8Array.from({ length: bytes }, (_, i) => i * 7) };
};

/** Another header, with its length, before the data of a file. */
function withHeader(bytes: Uint8Array, header: string): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const text = bytesOfText(header);
  const changed = new Uint8Array(8 + text.length + bytes.length - 8 - length);
  new DataView(changed.buffer).setBigUint64(0, BigInt(text.length), true);
  changed.set(text, 8);
  changed.set(bytes.subarray(8 + length), 8 + text.length);
  return changed;
}

function headerOf(bytes: Uint8Array): unknown {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
}

export const safetensors: HostileFormat = {
  name: "safetensors",
  seeds: [
    writeSafetensors(new Map()),
    writeSafetensors(new Map([["weight", tensor("F32", [2, 3], 24)]]), new Map([["format", "pt"]])),
    writeSafetensors(
      new Map([
        ["conv.weight", tensor("F32", [4, 1, 3, 3], 144)],
        ["__proto__", tensor("I64", [2], 16)],
        ["codes", tensor("U8", [7], 7)],
        ["empty", tensor("BOOL", [0, 5], 0)],
      ]),
    ),
  ].map(oneFile),
  mutate: (files, random) => {
    const bytes = bytesOfOne(files);
    if (random.chance(0.5)) return oneFile(mutateBytes(bytes, random));
    return oneFile(withHeader(bytes, JSON.stringify(mutateJson(headerOf(bytes), random))));
  },
  async open(files) {
    const bytes = bytesOfOne(files);
    const { tensors } = readSafetensors(bytes, { file: "a.safetensors" });
    for (const [name, { shape, data }] of tensors) {
      const elements = shape.reduce((product, size) => product * size, 1);
      const isInside =
        data.byteOffset >= bytes.byteOffset && data.byteOffset + data.length <= bytes.byteOffset + bytes.length;
      if (!isInside || (elements === 0 ? data.length > 0 : data.length % elements !== 0))
        throw new Unsound(`tensor ${name}`);
    }
  },
};

export const json: HostileFormat = {
  name: "json",
  seeds: [
    '{"a": [1, 2.5, -3e-7, true, null], "b": {"c": "\\u00e9\\n", "__proto__": {"polluted": 1}}}',
    '[[[["deep"]]], {"": {}}, [], "\\\\\\"", 1e308, 0]',
    JSON.stringify(
      { model: "resnet8", data: "fashion-mnist-mini", layers: new Array(20).fill({ name: "conv", bits: 2 }) },
      null,
      2,
    ),
  ].map((text) => oneFile(bytesOfText(text))),
  mutate: (files, random) => {
    const bytes = bytesOfOne(files);
    if (random.chance(0.6)) return oneFile(mutateBytes(bytes, random));
    return oneFile(bytesOfText(JSON.stringify(mutateJson(JSON.parse(new TextDecoder().decode(bytes)), random))));
  },
  async open(files) {
    const document = parseJson(bytesOfOne(files), { file: "a.json" });
    JSON.stringify(document);
    if (({} as { polluted?: number }).polluted !== undefined) throw new Unsound("Object.prototype was changed");
  },
};
