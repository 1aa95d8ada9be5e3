export { runAlone, runTogether } from "./interpreter";
export { copyBytes, hasNonFinite, probeMultiplyAdd } from "./memory-tools";
