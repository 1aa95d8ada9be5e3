// `Math.log`, `Math.sin` and `Math.cos` differ between engines in the last bit. These use + − · / and bits alone, which IEEE 754
// fixes, so they give the same bits everywhere. Polynomials and reduction are those of fdlibm (Sun Microsystems, 1993).

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const SQRT_HALF = Math.SQRT1_2;
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
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const halfSquare = 0.5 * f * f;
  return exponent * LN2_HIGH - (halfSquare - (s * (halfSquare + odd + even) + exponent * LN2_LOW) - f);
}

function sinNearZero(x: number): number {
  const z = x * x;
  const tail =
    0.00833333333332249 +
    z *
      (-0.0001984126982985795 +
        z * (0.0000027557313707070068 + z * (-2.5050760253406863e-8 + z * 1.58969099521155e-10)));
  return x + z * x * (-0.16666666666666632 + z * tail);
}

function cosNearZero(x: number): number {
  const z = x * x;
  const tail =
    z *
    (0.0416666666666666 +
      z *
        (-0.001388888888887411 +
          z *
            (0.00002480158728947673 +
              z * (-2.7557314351390663e-7 + z * (2.087572321298175e-9 + z * -1.1359647557788195e-11)))));
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
