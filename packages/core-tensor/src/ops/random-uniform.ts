import { defineOp, type Op } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { DtypeError, ShapeError } from "../graph/errors.js";
import type { Shape } from "../graph/shape.js";
import { philoxInto } from "../random/philox.js";

/**
 * Uniform numbers in [0, 1), multiples of 2⁻²⁴, drawn from a place in a counter-based stream; the same on every backend.
 *
 * Shapes    place [4] i32: two words of the counter, two of the key; a step that wants fresh numbers assigns the next
 *           counter → `shape` f32
 * Source    Philox4x32-10 (Salmon et al., SC 2011)
 */
export const randomUniform: Op<1, { shape: Shape }> = defineOp({
  name: "randomUniform",
  arity: 1,
  shape: ([place], { shape }) => {
    if (place.length !== 1 || place[0] !== 4) {
      throw new ShapeError({ op: "randomUniform", want: "place [4]: counter and key", got: { place } });
    }
    return shape;
  },
  dtype: ([place]: readonly Dtype[]) => {
    if (place !== "i32") throw new DtypeError({ op: "randomUniform", want: "a place of i32", got: place });
    return "f32";
  },
  gradient: () => [null],
  reference: (out, [{ data: place }]) => {
    const [low, high, key0, key1] = Array.from(place, (word) => word >>> 0);
    const block = new Uint32Array(4);
    for (let i = 0; i < out.data.length; i++) {
      if (i % 4 === 0) philoxInto(block, 0, [low, high, (i / 4) >>> 0, 0], [key0, key1]);
      out.data[i] = (block[i % 4] >>> 8) / 2 ** 24;
    }
  },
  examples: [{ shapes: [[4]], dtypes: ["i32"], attributes: { shape: [3, 5] } }],
});
