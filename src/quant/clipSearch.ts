/** Better scales than the extremes give: the one of least squared error, and half-quadratic refinement. */
import { roundHalfEven, roundingMagic } from '../numeric/floats';
import type { LinearCode, QuantParameters } from './linearCode';
import type { Survey } from './scheme';
import { addTo } from './surveys';
import type { ScaleDtype } from './types';

/**
 * The candidates of the search: the range from the extremes, and 1 % less of it each time, down to 20 %. GPTQ's
 * quantizer searches the same grid (IST-DASLab/gptq, quant.py: grid 100, maxshrink 0.8), with the exponent 2.4 in
 * place of 2.
 */
export const clipShrinks: readonly number[] = Array.from({ length: 81 }, (_, i) => 1 - i / 100);

/** Sum of squared errors of values under given parameters, in float64; anything from `limit` on where it is that large. */
function squaredError(
  { low, high }: LinearCode,
  values: Float32Array,
  { scale, inverse, zero }: QuantParameters,
  limit = Number.POSITIVE_INFINITY,
): number {
  let sum = 0;
  for (let i = 0; i < values.length && sum < limit; i++) {
    const x = values[i]!;
    // Clamped before rounding, which is the same for whole bounds, it needs no clamping of its own.
    let scaled = Math.fround(x * inverse);
    if (scaled < low - zero) scaled = low - zero;
    else if (scaled > high - zero) scaled = high - zero;
    const error = x - Math.fround(Math.fround(Math.fround(scaled + roundingMagic) - roundingMagic) * scale);
    sum += error * error;
  }
  return sum;
}

/** The candidate of least error; of equal ones the widest range. */
export function shrinkOf(errors: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < errors.length; i++) if (errors[i]! < errors[best]!) best = i;
  return clipShrinks[best]!;
}

/** The best shrink for values between `low` and `high`. */
export function leastErrorShrink(
  code: LinearCode,
  values: Float32Array,
  low: number,
  high: number,
  scaleDtype: ScaleDtype,
): number {
  let best = 1;
  let least = Number.POSITIVE_INFINITY;
  for (const shrink of clipShrinks) {
    const error = squaredError(code, values, code.parameters(low, high, scaleDtype, shrink), least);
    if (!(error < least)) continue;
    least = error;
    best = shrink;
  }
  return best;
}

/**
 * The candidates' errors over a whole tensor: for one scale, or for each of `columns`. The survey before it gave the
 * extremes, [low ..., high ...].
 */
export function clipErrors(code: LinearCode, scaleDtype: ScaleDtype, columns: number): Survey {
  const perColumn = clipShrinks.length;
  return {
    start: () => new Float64Array(columns * perColumn),
    add(state, { first, values }, known) {
      const ranges = known.at(-1)!;
      const one = new Float32Array(1);
      for (let column = 0; column < columns; column++) {
        const candidates = clipShrinks.map((shrink) =>
          code.parameters(ranges[column]!, ranges[columns + column]!, scaleDtype, shrink),
        );
        const start = columns === 1 ? 0 : (column - (first % columns) + columns) % columns;
        for (let i = 0; i < perColumn; i++) {
          let sum = 0;
          if (columns === 1) sum = squaredError(code, values, candidates[i]!);
          else
            for (let at = start; at < values.length; at += columns) {
              one[0] = values[at]!;
              sum += squaredError(code, one, candidates[i]!);
            }
          state[column * perColumn + i]! += sum;
        }
      }
    },
    merge: addTo,
  };
}

/** Settings of the published solver. */
const hqq = { norm: 0.7, beta: 10, kappa: 1.01, iterations: 20 } as const;

/**
 * Half-quadratic refinement of the zero point (H. Badri, A. Shaji, "Half-Quadratic Quantization of Large Machine
 * Learning Models", 2023; mobiusml/hqq, core/optimize.py): with the scale held, in turns
 * q = clamp(round(x / s + z)), e = shrink(x - (q - z) s), z = mean(q - (x - e) / s), where
 * shrink(r) = sign(r) max(0, |r| - |r|^(p-1) / beta), p = 0.7, beta = 10, growing by 1 % a turn, for at most 20 turns.
 * It stops when the mean |error| no longer falls. The result is the zero point whose error was least, no integer.
 */
export function refineZero(code: LinearCode, values: Float32Array, start: QuantParameters): number {
  const { scale, inverse } = start;
  let { zero } = start;
  let best = zero;
  let bestError = Number.POSITIVE_INFINITY;
  let beta: number = hqq.beta;
  for (let turn = 0; turn < hqq.iterations; turn++) {
    let sum = 0;
    let error = 0;
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      const scaled = x * inverse;
      const q = Math.min(Math.max(roundHalfEven(scaled + zero), code.low), code.high);
      const rest = x - (q - zero) * scale;
      const size = Math.abs(rest);
      error += size;
      const shrunk = size === 0 ? 0 : Math.max(0, size - size ** (hqq.norm - 1) / beta);
      sum += q - (x - Math.sign(rest) * shrunk) * inverse;
    }
    if (!(error < bestError)) break;
    bestError = error;
    best = zero;
    zero = sum / values.length;
    beta *= hqq.kappa;
  }
  return best;
}
