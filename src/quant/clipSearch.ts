/** Better scales than the extremes give: those of least squared error. */
import { roundingMagic } from '../numeric/floats';
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
