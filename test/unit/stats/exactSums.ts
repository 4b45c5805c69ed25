/** Mean and standard deviation in exact arithmetic: values are integers times a power of two, of any length. */

const bits = new DataView(new ArrayBuffer(8));

/** A finite value as integer x 2^-1074. */
function scaled(value: number): bigint {
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const exponent = Number((word >> 52n) & 0x7ffn);
  const fraction = word & 0xfffffffffffffn;
  const magnitude = exponent === 0 ? fraction : (fraction | 0x10000000000000n) << BigInt(exponent - 1);
  return word >> 63n === 0n ? magnitude : -magnitude;
}

/** numerator / denominator x 2^exponent, to the last digit or two. */
function quotient(numerator: bigint, denominator: bigint, exponent: number): number {
  if (numerator === 0n) return 0;
  const [sign, magnitude] = numerator < 0n ? [-1, -numerator] : [1, numerator];
  const shift = Math.max(0, 80 - (magnitude.toString(2).length - denominator.toString(2).length));
  const result = (magnitude << BigInt(shift)) / denominator;
  const excess = Math.max(0, result.toString(2).length - 80);
  // In two steps, so that neither power overflows or underflows alone.
  const power = exponent - shift + excess;
  const half = Math.trunc(power / 2);
  return sign * Number(result >> BigInt(excess)) * 2 ** half * 2 ** (power - half);
}

/** Of the finite values, of which there is at least one. The variance is exact before its root is taken. */
export function exactMeanAndStd(values: ArrayLike<number>): { readonly mean: number; readonly std: number } {
  let [n, sum, squares] = [0n, 0n, 0n];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    const value = scaled(values[i]!);
    n++;
    sum += value;
    squares += value * value;
  }
  const spread = n * squares - sum * sum;
  // An even exponent has an exact root.
  const digits = Math.max(0, spread.toString(2).length - 200) & ~1;
  const variance = quotient(spread >> BigInt(digits), n * n, 0);
  const power = digits / 2 - 1074;
  const half = Math.trunc(power / 2);
  return { mean: quotient(sum, n, -1074), std: Math.sqrt(variance) * 2 ** half * 2 ** (power - half) };
}

/** Integers a and exponent such that each finite value is its integer x 2^exponent, without zeros that all of them end in. */
function integers(values: ArrayLike<number>): readonly bigint[] {
  const all = Array.from(values).filter(Number.isFinite).map(scaled);
  const together = all.reduce((bitsOfAll, value) => bitsOfAll | (value < 0n ? -value : value), 0n);
  if (together === 0n) return all;
  const zeros = BigInt(together.toString(2).length - together.toString(2).replace(/0+$/, '').length);
  return all.map((value) => value >> zeros);
}

/** m3 / std^3 and m4 / std^4 - 3 of the finite values; undefined where all are equal or there is none. */
export function exactShape(
  values: ArrayLike<number>,
): { readonly skewness: number; readonly kurtosis: number } | undefined {
  const all = integers(values);
  const n = BigInt(all.length);
  const sum = all.reduce((total, value) => total + value, 0n);
  let [m2, m3, m4] = [0n, 0n, 0n];
  for (const value of all) {
    const centered = n * value - sum;
    const squared = centered * centered;
    m2 += squared;
    m3 += squared * centered;
    m4 += squared * squared;
  }
  if (m2 === 0n) return undefined;
  const squaredSkewness = quotient(n * m3 * m3, m2 ** 3n, 0);
  return {
    skewness: (m3 < 0n ? -1 : 1) * Math.sqrt(squaredSkewness),
    // The 3 goes before the division, so that a kurtosis near 0 keeps its digits.
    kurtosis: quotient(n * m4 - 3n * m2 * m2, m2 * m2, 0),
  };
}

/** How many finite values are farther than sigma standard deviations from their mean, without a root or a division. */
export function exactlyBeyond(values: ArrayLike<number>, sigma: bigint): number {
  const all = integers(values);
  const n = BigInt(all.length);
  const sum = all.reduce((total, value) => total + value, 0n);
  const squares = all.reduce((total, value) => total + value * value, 0n);
  const border = sigma * sigma * (n * squares - sum * sum);
  return all.filter((value) => (n * value - sum) ** 2n > border).length;
}
