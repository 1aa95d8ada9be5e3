// `Math.log`, `Math.sin` and `Math.cos` differ between engines in the last bit. These use + − · / and bits alone, which IEEE 754
// fixes, so they give the same bits everywhere. Polynomials and reduction are those of fdlibm (Sun Microsystems, 1993).

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const SQRT_HALF = 0.7071067811865476;
const QUARTER_TURN = 1.5707963267948966; // π / 2

const scratch = new DataView(new ArrayBuffer(8)); // written and read within one call

/** Splits x > 0 (not subnormal) into mantissa · 2^exponent with mantissa in [√½, √2). */
function splitExponent(x: number): { mantissa: number; exponent: number } {
  scratch.setFloat64(0, x);
  const high = scratch.getUint32(0);
  let exponent = ((high >>> 20) & 0x7ff) - 1022;
  scratch.setUint32(0, (high & 0x800fffff) | (1022 << 20)); // mantissa in [½, 1)
  let mantissa = scratch.getFloat64(0);
  if (mantissa < SQRT_HALF) {
    mantissa *= 2;
    exponent--;
  }
  return { mantissa, exponent };
}

/** Natural logarithm of a normal x > 0, within 1 unit in the last place; the same bits on every engine. */
export function portableLog(x: number): number {
  const { mantissa, exponent } = splitExponent(x);
  const f = mantissa - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const odd =
    z *
    (6.66666666666673513e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const halfSquare = 0.5 * f * f;
  return exponent * LN2_HIGH - (halfSquare - (s * (halfSquare + odd + even) + exponent * LN2_LOW) - f);
}

function sinNearZero(x: number): number {
  const z = x * x;
  const tail =
    8.33333333332248946124e-3 +
    z *
      (-1.98412698298579493134e-4 +
        z * (2.75573137070700676789e-6 + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)));
  return x + z * x * (-1.66666666666666324348e-1 + z * tail);
}

function cosNearZero(x: number): number {
  const z = x * x;
  const tail =
    z *
    (4.16666666666666019037e-2 +
      z *
        (-1.38888888888741095749e-3 +
          z *
            (2.48015872894767294178e-5 +
              z * (-2.75573143513906633035e-7 + z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11)))));
  const half = 0.5 * z;
  const near = 1 - half;
  return near + (1 - near - half + z * tail);
}

/**
 * Cosine and sine of a whole turn's fraction, 2π · turns for turns in [0, 1]: within 2.5e-16, the same bits on every engine.
 * Reducing turns instead of radians makes the quadrant exact.
 */
export function portableCosSinOfTurns(turns: number): readonly [number, number] {
  const quarters = turns * 4; // exact
  const quadrant = Math.floor(quarters + 0.5);
  const angle = (quarters - quadrant) * QUARTER_TURN; // [−π/4, π/4]
  const cos = cosNearZero(angle);
  const sin = sinNearZero(angle);
  switch (quadrant & 3) {
    case 0:
      return [cos, sin];
    case 1:
      return [-sin, cos];
    case 2:
      return [-cos, -sin];
    default:
      return [sin, -cos];
  }
}
