import { SimulatorError } from "../simulator-error.js";
import { parseConfiguration, type SystolicConfiguration } from "./config.js";

/** A systolic array out of SCALE-Sim's file, and what of the file it does not use. */
export interface ScalesimConfiguration {
  readonly configuration: SystolicConfiguration;
  readonly warnings: readonly string[];
}

const WORD_BITS = 8; // SCALE-Sim: word_size = 1 byte
const usedSections = ["general", "architecture_presets", "run_presets"];
const usedFields = new Set([
  "arrayheight",
  "arraywidth",
  "ifmapsramszkb",
  "filtersramszkb",
  "ofmapsramszkb",
  "dataflow",
  "bandwidth",
]);
/** Addresses: they decide traces, which we don't write. */
const idleFields = new Set(["ifmapoffset", "filteroffset", "ofmapoffset", "memorybanks"]);

/**
 * Reads SCALE-Sim's configuration file (v2 and v3): sections in brackets, `name: value` or `name = value`, as Python's configparser.
 *
 * Used: array height and width, the three SRAM sizes, the dataflow, and with `InterfaceBandwidth: USER` the bandwidth, in words of
 * 8 bits a cycle for each operand. Sections and fields that would change SCALE-Sim's result but not ours are named in a warning.
 *
 * @throws {SimulatorError} names the line or the field
 */
export function readScalesimCfg(text: string, source = "configuration"): ScalesimConfiguration {
  const sections = readSections(text, source);
  const architecture = sections.get("architecture_presets");
  if (architecture === undefined) {
    throw new SimulatorError("LOWBIT_FILE_FORMAT", "the section [architecture_presets] is missing", {
      where: source,
      want: "a configuration file of SCALE-Sim",
    });
  }
  const warnings: string[] = [];
  for (const [name, fields] of sections) {
    if (!usedSections.includes(name) && fields.size > 0) warnings.push(`${source}: the section [${name}] is not used`);
  }
  const ignored = [...architecture.keys()].filter((name) => !usedFields.has(name) && !idleFields.has(name));
  if (ignored.length > 0) warnings.push(`${source}: [architecture_presets] ${ignored.join(", ")} are not used`);

  const whole = (field: string, title: string): number => {
    const value = architecture.get(field);
    if (value !== undefined && /^\d+$/.test(value) && Number(value) >= 1) return Number(value);
    throw new SimulatorError(
      "LOWBIT_CONFIGURATION",
      value === undefined ? `${title} is missing` : `${title} can't be ${JSON.stringify(value)}`,
      { where: `${source}, [architecture_presets] ${title}`, want: "a whole number from 1 on", got: value },
    );
  };
  const dataflow = (architecture.get("dataflow") ?? "").toLowerCase();
  if (!["os", "ws", "is"].includes(dataflow)) {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `Dataflow can't be ${JSON.stringify(dataflow)}`, {
      where: `${source}, [architecture_presets] Dataflow`,
      want: "os, ws or is",
      got: dataflow,
    });
  }
  const bandwidthMode = sections.get("run_presets")?.get("interfacebandwidth")?.toUpperCase() ?? "CALC";
  if (bandwidthMode !== "USER" && bandwidthMode !== "CALC") {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `InterfaceBandwidth can't be ${JSON.stringify(bandwidthMode)}`, {
      where: `${source}, [run_presets] InterfaceBandwidth`,
      want: "USER or CALC",
      got: bandwidthMode,
    });
  }
  const configuration = parseConfiguration(
    {
      mode: "systolic",
      name: sections.get("general")?.get("run_name") ?? "unnamed",
      rows: whole("arrayheight", "ArrayHeight"),
      columns: whole("arraywidth", "ArrayWidth"),
      dataflow,
      inputBufferBytes: 1024 * whole("ifmapsramszkb", "IfmapSramSzkB"),
      weightBufferBytes: 1024 * whole("filtersramszkb", "FilterSramSzkB"),
      outputBufferBytes: 1024 * whole("ofmapsramszkb", "OfmapSramSzkB"),
      ...(bandwidthMode === "USER" && { dramBitsPerCycle: WORD_BITS * firstBandwidth(architecture, source) }),
    },
    source,
  ) as SystolicConfiguration;
  return { configuration, warnings };
}

/** SCALE-Sim takes a list, one for each bank, and uses the first. */
function firstBandwidth(architecture: ReadonlyMap<string, string>, source: string): number {
  const text = architecture.get("bandwidth") ?? "";
  const words = Number(text.split(",")[0]);
  if (text.trim() !== "" && Number.isFinite(words) && words > 0) return words;
  throw new SimulatorError("LOWBIT_CONFIGURATION", `Bandwidth can't be ${JSON.stringify(text)}`, {
    where: `${source}, [architecture_presets] Bandwidth`,
    want: "words a cycle, above 0, since InterfaceBandwidth is USER",
    got: text,
  });
}

/** Section → field → value; names of fields in lower case, as configparser has them. */
function readSections(text: string, source: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const where = `${source}, line ${index + 1}`;
    const title = /^\[([^\]]+)\]$/.exec(line)?.[1];
    if (title !== undefined) {
      current = sections.get(title) ?? new Map();
      sections.set(title, current);
      continue;
    }
    const [, field, value] = /^([^:=]+?)\s*[:=]\s*(.*)$/.exec(line) ?? [];
    if (field === undefined || current === undefined) {
      throw new SimulatorError("LOWBIT_FILE_FORMAT", `${JSON.stringify(line.slice(0, 60))} is no field of a section`, {
        where,
        want: '"name: value" under a line with [section]',
      });
    }
    current.set(field.toLowerCase(), value);
  }
  return sections;
}
