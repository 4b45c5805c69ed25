/** Half-quadratic refinement of zero points. Every step is one of float32, so that its bits are the same on every machine. */
import { f32FromBits, f32ToBits, roundingMagic } from '../numeric/floats';
import type { LinearCode, QuantParameters } from './linearCode';

const { fround } = Math;

/** Settings of the published solver. */
const hqq = { exponent: fround(0.7 - 1), beta: 10, growth: fround(1.01), turns: 20 } as const;

/** Errors below this always shrink to 0: r - r^-0.3 / beta is negative up to 0.14 for the largest beta. */
const alwaysShrunk = 1 / 8;

/** The bits of sqrt(1/2): mantissas are taken from there to sqrt(2). */
const rootOfHalf = 0x3f3504f3;
/** log2 m = t (c0 + c1 t^2 + ...) with t = (m - 1) / (m + 1): 2 artanh(t) / ln 2, the last first. */
const logarithm = [9, 7, 5, 3, 1].map((n) => fround(2 / n / Math.LN2));
/** Taylor's series of 2^f, the last first. */
const exponential = [6, 5, 4, 3, 2, 1, 0].map((n) => {
  let coefficient = 1;
  for (let i = 1; i <= n; i++) coefficient *= Math.LN2 / i;
  return fround(coefficient);
});

function rounded(value: number): number {
  return fround(fround(value + roundingMagic) - roundingMagic);
}

/** x^-0.3 for a normal positive float32, within a hundred-thousandth of it. `Math.pow` differs among engines in the last bit. */
export function shrinkPower(x: number): number {
  const bits = f32ToBits(x);
  const exponent = (bits - rootOfHalf) >> 23;
  const mantissa = f32FromBits(bits - (exponent << 23));
  const t = fround(fround(mantissa - 1) / fround(mantissa + 1));
  const square = fround(t * t);
  let sum = logarithm[0]!;
  for (let i = 1; i < logarithm.length; i++) sum = fround(fround(sum * square) + logarithm[i]!);
  const power = fround(fround(fround(t * sum) + exponent) * hqq.exponent);
  const whole = rounded(power);
  const part = fround(power - whole);
  let value = exponential[0]!;
  for (let i = 1; i < exponential.length; i++) value = fround(fround(value * part) + exponential[i]!);
  return fround(value * f32FromBits((whole + 127) << 23));
}

/**
 * Half-quadratic refinement of the zero point (H. Badri, A. Shaji, "Half-Quadratic Quantization of Large Machine
 * Learning Models", 2023; mobiusml/hqq, core/optimize.py): with the scale held, in turns
 * q = clamp(round(x / s + z)), e = shrink(x - (q - z) s), z = mean(q - (x - e) / s), where
 * shrink(r) = sign(r) max(0, |r| - |r|^(p-1) / beta), p = 0.7, beta = 10, growing by 1 % a turn, for at most 20 turns.
 * It stops when the mean |error| no longer falls. The result is the zero point whose error was least, no integer but a float32.
 * Means are of four sums in float64, of every fourth value each.
 */
export function refineZero(code: LinearCode, values: Float32Array, start: QuantParameters): number {
  const { low, high } = code;
  const { scale, inverse } = start;
  let { zero } = start;
  let best = zero;
  let bestError = Number.POSITIVE_INFINITY;
  let beta: number = hqq.beta;
  for (let turn = 0; turn < hqq.turns; turn++) {
    const sums = new Float64Array(4);
    const errors = new Float64Array(4);
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      const q = rounded(Math.min(Math.max(fround(fround(x * inverse) + zero), low), high));
      const rest = fround(x - fround(fround(q - zero) * scale));
      const size = Math.abs(rest);
      errors[i & 3]! += size;
      const shrunk = size < alwaysShrunk ? 0 : Math.max(0, fround(size - fround(shrinkPower(size) / beta)));
      const kept = fround(x - (rest < 0 ? -shrunk : shrunk));
      sums[i & 3]! += fround(q - fround(kept * inverse));
    }
    const error = fourSum(errors);
    if (!(error < bestError)) break;
    bestError = error;
    best = zero;
    zero = fround(fourSum(sums) / values.length);
    beta = fround(beta * hqq.growth);
  }
  return best;
}

function fourSum(sums: Float64Array): number {
  return sums[0]! + sums[1]! + (sums[2]! + sums[3]!);
}
