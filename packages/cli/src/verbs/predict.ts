import type { Command } from "@commander-js/extra-typings";
export function addPredictVerb(_program: Command): void {}
