export { runAlone, runTogether } from "./interpreter";
export { copyBytes, hasNonFinite, probeByteDot, probeMultiplyAdd, probeShortDot, probeSwizzle } from "./memory-tools";
