// Read by both sides: the AssemblyScript interpreter and the TypeScript that writes its programs.

/** What an instruction does. 0 ends a program. */
export const END = 0;
export const FUSED_ELEMENTWISE = 1;
export const PACK_ROWS = 2;
export const PACK_COLUMNS = 3;
export const MATMUL_TILES = 4;
export const PACK_FILTERS = 5;
export const CORRELATE = 6;
export const CORRELATE_WEIGHTS = 7;
export const SUM_PARTIALS = 8;
export const BATCH_MOMENTS = 9;
export const BATCH_NORMALISE = 10;
export const BATCH_NORMALISE_GRADIENT_SUMS = 11;
export const BATCH_NORMALISE_GRADIENT = 12;
export const REDUCE = 13;
export const ARGMAX = 14;
export const SOFTMAX_ROWS = 15;
export const MAX_POOL_F32 = 16;
export const MAX_POOL_U8 = 17;
export const MAX_POOL_GRADIENT = 18;
export const AVERAGE_POOL = 19;
export const AVERAGE_POOL_GRADIENT = 20;
export const STRIDED_COPY = 21;
export const FILL_ZEROS = 22;
export const GATHER_ROWS = 23;
export const SCATTER_ROWS = 24;
export const PACK_FILTER_PAIRS = 25;
export const PACK_FILTER_NIBBLES = 26;
export const CORRELATE_CODES = 27;
export const PACK_WINOGRAD = 28;
export const WINOGRAD = 29;
export const PACK_FILTER_BYTES = 30;
export const PACK_FILTER_ENTRIES = 31;
export const PACK_CODE_ROW_NIBBLES = 32;
export const PACK_CODE_ROW_BYTES = 33;
export const CODE_ROW_NIBBLES = 34;
export const CODE_ROW_BYTES = 35;

export const PACK_CODES = 40;
export const UNPACK_CODES = 41;

/** What REDUCE makes of its values. */
export const SUM = 0;
export const MEAN = 1;
export const REDUCE_MAX = 2;

/** What SOFTMAX_ROWS makes of its rows. */
export const SOFTMAX = 0;
export const LOG_SOFTMAX = 1;
export const CROSS_ENTROPY = 2;
export const CROSS_ENTROPY_GRADIENT = 3;

/** Words before the arguments of an instruction: opcode, words in all, chunks. */
export const HEADER_WORDS = 3;

/** How values lie in memory. */
export const F32 = 0;
export const I32 = 1;
export const U8 = 2;
export const BOOL = 3;

/** Where an operand of a fused pass comes from. */
export const SLOT = 0;
export const DIRECT = 1;
export const SCALAR = 2;
export const CONVERTED = 3;
export const CHANNEL = 4;
export const STRIDED = 5;
/** Bytes that a step writes itself. */
export const CODES = 6;

/** Elements that a fused pass keeps in one register. */
export const BLOCK = 512;

/** Element-wise steps. */
export const ADD = 1;
export const SUBTRACT = 2;
export const MULTIPLY = 3;
export const DIVIDE = 4;
export const MAXIMUM = 5;
export const MINIMUM = 6;
export const NEGATE = 7;
export const ABS = 8;
export const SQUARE = 9;
export const SQRT = 10;
export const EXP = 11;
export const LOG = 12;
export const TANH = 13;
export const SIGMOID = 14;
export const RELU = 15;
export const SIGN = 16;
export const ROUND_HALF_EVEN = 17;
export const FLOOR = 18;
export const CLIP = 19;
export const CLIP_GRADIENT = 20;
export const RELU_GRADIENT = 21;
export const GREATER = 22;
export const GREATER_EQUAL = 23;
export const LESS = 24;
export const LESS_EQUAL = 25;
export const EQUAL = 26;
export const SELECT = 27;
export const COPY = 28;
export const RECIPROCAL = 29;
export const RSQRT = 30;
/** Drops the fraction. */
export const TRUNCATE = 31;
/** 1 where not 0. */
export const IS_NOT_ZERO = 32;
/** a · b + c, rounded twice. */
export const MULTIPLY_ADD = 33;
/** Clip, multiply by b, round half to even. */
export const QUANTIZE = 34;
/** Of one channel: multiply, add, clip, multiply, round, to bytes. */
export const AFFINE_TO_CODES = 35;
