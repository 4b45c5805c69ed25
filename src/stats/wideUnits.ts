/** Units for values whose powers would leave float64: powers of two, so that values in them have the same digits. */

/** Magnitudes from 2^-100 on whose fourth powers, and their sums, stay within float64. */
const [leastExponent, mostExponent] = [-100, 126];

/**
 * The exponent of the unit to sum values in whose largest magnitude is `absmax`: 0 for all that float32 comes near to, else one in
 * which `absmax` is about 2^100, so that the fourth powers of much smaller values are still there.
 */
export function unitExponent(absmax: number): number {
  if (!(absmax > 0 && absmax < Number.POSITIVE_INFINITY)) return 0;
  const exponent = Math.floor(Math.log2(absmax));
  return exponent >= leastExponent && exponent <= mostExponent ? 0 : exponent - 100;
}

/** x times 2^exponent, rounded once at most. */
export function timesPowerOfTwo(x: number, exponent: number): number {
  if (exponent === 0) return x;
  // In two steps, since 2^exponent may itself be no number; of numbers near 1 the first one is exact.
  const half = Math.trunc(exponent / 2);
  return x * 2 ** half * 2 ** (exponent - half);
}

/** Writes values in units of 2^exponent. */
export function copyInUnits(values: Float64Array, exponent: number, target: Float64Array): void {
  for (let i = 0; i < values.length; i++) target[i] = timesPowerOfTwo(values[i]!, -exponent);
}
