export { grad } from "./autograd/grad.js";
export type { GpuMode } from "./backends/gpu/gpu-mode.js";
export { JsBackend } from "./backends/js/js-backend.js";
export type { CreateEngineOptions } from "./engine/create-engine.js";
export { createEngine, evaluate } from "./engine/create-engine.js";
export type { Compiled, CompileOptions, EngineOptions, HostTensors, Tensors } from "./engine/engine.js";
export { Engine } from "./engine/engine.js";
export type { ExplainedCall, ExplainedProgram, Explanation } from "./engine/explain.js";
export type { GradientContext, Op, OpDeclaration, OpExample, TensorLike, Values } from "./graph/define-op.js";
export { buildNode, defineOp } from "./graph/define-op.js";
export type { Dtype, HostArray, HostTensor, PackedDtype } from "./graph/dtype.js";
export { bytesOf, isPacked, packedBits } from "./graph/dtype.js";
export type { ErrorDetails } from "./graph/errors.js";
export {
  AccumulatorError,
  ArgumentError,
  BackendError,
  ConfigurationError,
  DtypeError,
  FileFormatError,
  GraphError,
  LowbitError,
  MemoryLimitError,
  NonFiniteError,
  ShapeError,
  StorageError,
} from "./graph/errors.js";
export { evaluateByReference } from "./graph/evaluate-by-reference.js";
export { topologicalOrder } from "./graph/order.js";
export type { RewriteRule } from "./graph/rewrite.js";
export { rewrite } from "./graph/rewrite.js";
export type { Shape } from "./graph/shape.js";
export { elementsOf, sameShape } from "./graph/shape.js";
export { constantOf, input } from "./graph/sources.js";
export type { Attributes } from "./graph/tensor.js";
export { inLayer, Tensor } from "./graph/tensor.js";
export type { InitialValue, ParameterGroup, Trace, VariableOptions } from "./graph/variable.js";
export { assign, currentTrace, parameter, stateVariable, Variable } from "./graph/variable.js";
export {
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
} from "./ops/arithmetic.js";
export { batchMoments, batchNormalise } from "./ops/batch-norm.js";
export type { CodesOptions, Conv2dCodesOptions } from "./ops/codes.js";
export { accumulatorBound, conv2dCodes, packCodes, unpackCodes } from "./ops/codes.js";
export type { Conv2dAttributes, Conv2dOptions } from "./ops/conv2d.js";
export { conv2d } from "./ops/conv2d.js";
export type { Window, WindowOptions } from "./ops/convolution-geometry.js";
export { gather } from "./ops/gather.js";
export type { MatmulOptions } from "./ops/matmul.js";
export { matmul } from "./ops/matmul.js";
export { operations } from "./ops/operations.js";
export type { AveragePoolOptions, PoolAttributes, PoolOptions } from "./ops/pool.js";
export { averagePool2d, maxPool2d } from "./ops/pool.js";
export { randomUniform } from "./ops/random-uniform.js";
export { argmax, max, mean } from "./ops/reduce.js";
export { concat, reshape, slice, stopGradient, transpose, zeroPad } from "./ops/shape-ops.js";
export { crossEntropy, logSoftmax, softmax } from "./ops/softmax.js";
export type { ReduceOptions } from "./ops/sum.js";
export { broadcastTo, sum } from "./ops/sum.js";
export type { ClipOptions } from "./ops/unary.js";
export {
  abs,
  cast,
  clip,
  clipGradient,
  copy,
  exp,
  log,
  relu,
  roundHalfEven,
  roundStraightThrough,
  sigmoid,
  sign,
  sqrt,
  square,
  tanh,
} from "./ops/unary.js";
export type { CodeFormat } from "./packed/code-format.js";
export { codeFormat, largestInteger } from "./packed/code-format.js";
export { packFields, unpackFields } from "./packed/pack-codes.js";
export type { Backend, KernelChoice, LoadedProgram } from "./plan/backend.js";
export type { Buffer, Call, ElementwiseStep, FusedElementwise, Program } from "./plan/program.js";
export { yieldToEventLoop } from "./plan/yield-to-event-loop.js";
export * from "./random/index.js";
export type { RandomStream } from "./random/random-stream.js";
export type { StoredGraph, StoredNode } from "./stored-graph/stored-graph.js";
export { restoreGraph, storeGraph } from "./stored-graph/stored-graph.js";
