import type { Command } from "@commander-js/extra-typings";
export function addDemoVerb(_program: Command): void {}
