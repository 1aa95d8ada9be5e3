/** What a token of a text is: a character, or a word. */
export type TextLevel = "char" | "word";

/** Where a line of the text ends, in texts that are read word by word. */
export const END_OF_LINE = "<eos>";

/** A word, or one sign of punctuation; words keep their inner apostrophes and hyphens, and <unk> stays whole. */
const WORD = /<[a-z]+>|[\p{L}\p{M}\p{N}]+(?:['’.,-][\p{L}\p{M}\p{N}]+)*|[^\s]/gu;

/**
 * Cuts a text into tokens: its characters (code points), or its words and signs of punctuation in lower case, with "<eos>" at the end
 * of each line, as the files of the Penn Treebank are read.
 */
export function tokenize(text: string, level: TextLevel): string[] {
  if (level === "char") return Array.from(text);
  const lines = text.split(/\r\n|\r|\n/);
  if (lines[lines.length - 1] === "") lines.pop(); // the text ended with the end of a line
  return lines.flatMap((line) => [...(line.toLowerCase().match(WORD) ?? []), END_OF_LINE]);
}

const clings = /^[.,;:!?)\]}’'"”%]$/u;

/** Tokens as a text again. Characters join to what they were; of words, spaces and capitals are only what they usually are. */
export function joinTokens(tokens: readonly string[], level: TextLevel): string {
  if (level === "char") return tokens.join("");
  let text = "";
  for (const token of tokens) {
    if (token === END_OF_LINE) text += "\n";
    else text += (text === "" || text.endsWith("\n") || clings.test(token) ? "" : " ") + token;
  }
  return text;
}
