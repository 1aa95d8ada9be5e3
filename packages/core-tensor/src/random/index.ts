export type { PhiloxCounter, PhiloxKey } from "./philox.js";
export { philox, philoxInto } from "./philox.js";
export { portableCosSinOfTurns, portableLog } from "./portable-math.js";
export type { RandomStream } from "./random-stream.js";
export {
  createStream,
  fillNormal,
  fillUniform,
  fillWords,
  normal,
  permutation,
  skip,
  uniform,
} from "./random-stream.js";
