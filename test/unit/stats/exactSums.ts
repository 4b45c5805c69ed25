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
