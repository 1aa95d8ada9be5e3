// exp, log, tanh and sigmoid of four floats, unfused, so that every engine gives the same bits. Polynomials of Cephes
// (Moshier, single precision). Against float64, over all exponents: exp and log within 2 units in the
// last place, tanh and sigmoid within 2.5 (held by fused-elementwise.test.ts).

/** exp(x) = 2^n · exp(r), n = round(x / ln 2), |r| ≤ ln 2 / 2; ln 2 in two parts, so that r is exact. */
export function exp4(x: v128): v128 {
  const inside = f32x4.min(f32x4.max(x, f32x4.splat(-104)), f32x4.splat(89)); // beyond: 0 and Inf come out by themselves
  const n = f32x4.nearest(f32x4.mul(inside, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(inside, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  const exponent = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(exponent, 1); // 2^n in two factors: one alone would not reach subnormal results
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(exponent, half)));
}

// @ts-ignore: decorator
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/** log(x) = e · ln 2 + log(m), m in [√½, √2). */
export function log4(x: v128): v128 {
  const smallestNormal = f32x4.splat(1.17549435e-38);
  const isTiny = f32x4.lt(x, smallestNormal);
  const scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, isTiny); // subnormals · 2^23
  let exponent = i32x4.sub(i32x4.shr_u(scaled, 23), v128.bitselect(i32x4.splat(126 + 23), i32x4.splat(126), isTiny));
  let m = v128.or(v128.and(scaled, i32x4.splat(0x007fffff)), i32x4.splat(0x3f000000)); // [½, 1)
  const isSmall = f32x4.lt(m, f32x4.splat(0.707106781186547524));
  exponent = i32x4.add(exponent, isSmall); // − 1 where small
  m = f32x4.sub(f32x4.add(m, v128.and(m, isSmall)), f32x4.splat(1));
  const e = f32x4.convert_i32x4_s(exponent);
  const z = f32x4.mul(m, m);
  let p = f32x4.splat(7.0376836292e-2);
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.1514610310e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.1676998740e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(3.3333331174e-1));
  p = f32x4.mul(f32x4.mul(p, m), z);
  p = f32x4.add(p, f32x4.mul(e, f32x4.splat(-2.12194440e-4)));
  p = f32x4.sub(p, f32x4.mul(z, f32x4.splat(0.5)));
  let y = f32x4.add(f32x4.add(m, p), f32x4.mul(e, f32x4.splat(0.693359375)));
  const infinity = f32x4.splat(Infinity);
  y = v128.bitselect(x, y, f32x4.eq(x, infinity));
  y = v128.bitselect(f32x4.neg(infinity), y, f32x4.eq(x, f32x4.splat(0)));
  return v128.bitselect(y, f32x4.splat(NaN), f32x4.ge(x, f32x4.splat(0))); // NaN for NaN and below 0
}

/** tanh(x): a polynomial near 0, 1 − 2 / (exp(2|x|) + 1) elsewhere. */
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, z), size), size);
  const power = exp4(f32x4.add(size, size));
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(power, f32x4.splat(1))));
  const result = v128.bitselect(near, far, f32x4.lt(size, f32x4.splat(0.625)));
  return v128.or(result, v128.and(x, i32x4.splat(0x80000000))); // −0 stays −0
}

/** 1 / (1 + exp(−x)), from exp(−|x|) on both sides, so that small results keep their digits. */
export function sigmoid4(x: v128): v128 {
  const power = exp4(f32x4.neg(f32x4.abs(x)));
  const one = f32x4.splat(1);
  const isNegative = f32x4.lt(x, f32x4.splat(0));
  return f32x4.div(v128.bitselect(power, one, isNegative), f32x4.add(one, power));
}
