import type { OpDeclaration } from "../graph/define-op.js";
import {
  add,
  divide,
  equal,
  greater,
  greaterEqual,
  less,
  maximum,
  minimum,
  multiply,
  negate,
  select,
  subtract,
} from "./arithmetic.js";
import { batchMoments, batchNormalise, batchNormaliseGradient, batchNormaliseGradientSums } from "./batch-norm.js";
import { conv2dCodes, packCodes, unpackCodes } from "./codes.js";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "./conv2d.js";
import { gather, gatherGradient } from "./gather.js";
import { matmul } from "./matmul.js";
import { averagePool2d, averagePool2dGradient, maxPool2d, maxPool2dGradient } from "./pool.js";
import { randomUniform } from "./random-uniform.js";
import { argmax, max, mean } from "./reduce.js";
import { concatDeclaration, reshape, slice, stopGradient, transpose, zeroPad } from "./shape-ops.js";
import { crossEntropy, crossEntropyGradient, logSoftmax, softmax } from "./softmax.js";
import { broadcastTo, sum } from "./sum.js";
import {
  abs,
  cast,
  clip,
  clipGradient,
  copy,
  exp,
  log,
  relu,
  reluGradient,
  roundHalfEven,
  roundStraightThrough,
  sigmoid,
  sign,
  sqrt,
  square,
  tanh,
} from "./unary.js";

const all = [
  ...[add, divide, equal, greater, greaterEqual, less, maximum, minimum, multiply, negate, select, subtract],
  ...[abs, cast, clip, clipGradient, copy, exp, log, relu, reluGradient, roundHalfEven, roundStraightThrough],
  ...[sigmoid, sign, sqrt, square, tanh],
  ...[sum, broadcastTo, mean, max, argmax],
  ...[reshape, slice, stopGradient, transpose, zeroPad],
  ...[matmul, conv2d, conv2dInputGradient, conv2dWeightGradient],
  ...[maxPool2d, maxPool2dGradient, averagePool2d, averagePool2dGradient],
  ...[batchMoments, batchNormalise, batchNormaliseGradientSums, batchNormaliseGradient],
  ...[softmax, logSoftmax, crossEntropy, crossEntropyGradient],
  ...[gather, gatherGradient, randomUniform, packCodes, unpackCodes, conv2dCodes],
];

/** Every operation by name: what a stored graph may refer to, and what tests walk through. */
export const operations: ReadonlyMap<string, OpDeclaration> = new Map(
  [...all.map(({ declaration }) => declaration), concatDeclaration].map((declaration) => [
    declaration.name,
    declaration,
  ]),
);
