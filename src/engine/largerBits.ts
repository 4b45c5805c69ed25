/** Of two float32 patterns the one of larger magnitude, of equal ones the positive; NaN beats all numbers. */
export function largerBits(a: number, b: number): number {
  const [x, y] = [a & 0x7fffffff, b & 0x7fffffff];
  if (x === y) return a < b ? a : b;
  return x > y ? a : b;
}
