import { ArgumentError } from "@lowbit/core-tensor";
import type { LayerOverride } from "@lowbit/quant";

/**
 * Reads --override stage2.*=w4a8:uniform as an experiment file would write it.
 *
 * @throws {ArgumentError} for anything else than LAYERS=wKaL or LAYERS=fp32, and perhaps :SCHEME
 */
export function parseOverrides(texts: readonly string[]): LayerOverride[] {
  return texts.map((text) => {
    const [, layers, precision, scheme] = /^([^=]+)=([^:=]+)(?::([^:=]+))?$/.exec(text) ?? [];
    if (layers === undefined) {
      throw new ArgumentError(`--override can't be ${JSON.stringify(text)}`, {
        where: "--override",
        want: "LAYERS=wKaL, LAYERS=fp32 or LAYERS=wKaL:SCHEME, such as stage2.*=w4a8",
        got: text,
      });
    }
    return { layers, precision, ...(scheme !== undefined && { scheme }) };
  });
}
