import { openStorage } from "@lowbit/core-tensor/storage";
import { datasetKinds, labelledTextKinds, textKinds } from "@lowbit/data";
import { modelNames } from "@lowbit/nn";
import type { ListedQuantizer, ListedScheme } from "@lowbit/quant";
import { languageModelNames } from "@lowbit/rnn";
import { loadRegistry } from "./plugins.js";
import { studies } from "./studies.js";
import { type Column, formatTable } from "./table.js";

export interface KnownList {
  /** For programs. */
  readonly rows: readonly unknown[];
  /** For people. */
  readonly text: string;
}

const bitsOf = ({ bits }: ListedQuantizer): string =>
  bits.length > 2 && bits[bits.length - 1] - bits[0] === bits.length - 1
    ? `${bits[0]} to ${bits[bits.length - 1]}`
    : bits.join(", ");

const shared: readonly Column<ListedQuantizer>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "version", value: ({ version }) => String(version), isNumber: true },
  { title: "bits", value: bitsOf },
  { title: "slots", value: ({ slots }) => slots.join(", ") },
];
const origin: readonly Column<ListedQuantizer>[] = [
  { title: "package", value: ({ package: from }) => from ?? "" },
  { title: "source", value: ({ source }) => source ?? "" },
];

const knownData = [...datasetKinds, ...textKinds, ...labelledTextKinds];

/** Everything of one kind that a name on the command line can mean. */
export async function listKnown(kind: string, plugins: readonly string[]): Promise<KnownList> {
  if (kind === "models") {
    const names = [...modelNames, ...languageModelNames];
    return { rows: names.map((name) => ({ name })), text: names.join("\n") };
  }
  if (kind === "studies") {
    const rows = studies.map(({ name, about, trials }) => ({ name, about, trials: trials.length }));
    const columns: Column<(typeof rows)[number]>[] = [
      { title: "name", value: ({ name }) => name },
      { title: "trials", value: ({ trials }) => String(trials), isNumber: true },
      { title: "about", value: ({ about }) => about },
    ];
    return { rows, text: formatTable(columns, rows) };
  }
  if (kind === "datasets") {
    const spelling = ({ name, path }: (typeof knownData)[number]): string => {
      if (path === "none") return name;
      if (path === "file") return `${name}:FILE`;
      return path === "required" ? `${name}:FOLDER` : `${name}[:FOLDER]`;
    };
    const rows = knownData.map((each) => ({ name: each.name, spelling: spelling(each), summary: each.summary }));
    const columns: Column<(typeof rows)[number]>[] = [
      { title: "name", value: (row) => row.spelling },
      { title: "what it is", value: (row) => row.summary },
    ];
    return { rows, text: formatTable(columns, rows) };
  }
  const { quantizers, schemes } = (await loadRegistry(openStorage(), plugins)).list();
  if (kind === "quantizers") return { rows: quantizers, text: formatTable([...shared, ...origin], quantizers) };
  const chooses: Column<ListedScheme> = { title: "quantizers", value: (row) => row.quantizers.join(", ") };
  return { rows: schemes, text: formatTable<ListedScheme>([...shared, chooses, ...origin], schemes) };
}
