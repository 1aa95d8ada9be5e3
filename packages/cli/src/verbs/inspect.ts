import type { Command } from "@commander-js/extra-typings";
export function addInspectVerb(_program: Command): void {}
