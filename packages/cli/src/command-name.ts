import { basename, relative } from "node:path";

const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** How this program was called: what a person types before the verb. */
function programName(): string {
  if (process.env.npm_lifecycle_event === "lowbit") return "pnpm -s lowbit";
  const script = process.argv[1] ?? "lowbit";
  if (basename(script) === "lowbit") return "lowbit";
  const shorter = relative(process.cwd(), script);
  return `node ${quote(shorter.length < script.length ? shorter : script)}`;
}

/** A line for the shell that calls this program with these words: "lowbit eval runs/a". */
export function commandLineOf(...words: readonly string[]): string {
  return [programName(), ...words.map(quote)].join(" ");
}

/** The line that was typed. */
export const thisCommandLine = (): string => commandLineOf(...process.argv.slice(2));

/** The line that was typed, with one more flag unless it has it. */
export function thisCommandWith(flag: string): string {
  const words = process.argv.slice(2);
  return commandLineOf(...words, ...(words.includes(flag) ? [] : [flag]));
}

/** What comes next for a network that has been trained: packed, or tried where there is nothing to pack. */
export const lineAfterTraining = ({ precision, out }: { readonly precision: string; readonly out: string }): string =>
  precision === "fp32" ? commandLineOf("eval", out) : commandLineOf("convert", out, "--out", `${out}-packed`);
