import colours from "picocolors";

/** Colours for the error stream: none where it is no terminal, where isTTY is undefined, which would ask for the default. */
const onStderr = colours.createColors(process.stderr.isTTY === true && colours.isColorSupported);

/** Names and texts from files may hold bytes that would drive a terminal: shown as \x1b and the like. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** The result of a verb: the only thing that goes to the standard output. */
export function print(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** The result for programs: one JSON document, nothing else. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** What a person may want to know while it happens. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

export function warn(text: string): void {
  process.stderr.write(`${onStderr.yellow("warning:")} ${printable(text)}\n`);
}

/** An error as a person reads it: its headline, then where, want and try. */
export function printError(text: string): void {
  process.stderr.write(`${onStderr.red("error:")} ${printable(text)}\n`);
}
