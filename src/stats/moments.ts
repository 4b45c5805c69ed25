import type { ShiftedSums } from '../kernels/kernels';

/** Mean and sums of powers of (x - mean); independent of any shift. */
export interface CentralMoments {
  readonly n: number;
  readonly mean: number;
  readonly m2: number;
  readonly m3: number;
  readonly m4: number;
}

export const noMoments: CentralMoments = { n: 0, mean: 0, m2: 0, m3: 0, m4: 0 };

/** Turns sums around a shift into central ones: binomial expansion of (d - mean d)^k, d = x - shift. */
export function centralMoments(sums: ShiftedSums, shift: number): CentralMoments {
  const { finite: n, s1, s2, s3, s4 } = sums;
  if (n === 0) return noMoments;
  const d = s1 / n;
  return {
    n,
    mean: shift + d,
    m2: Math.max(0, s2 - n * d * d),
    m3: s3 - 3 * d * s2 + 2 * n * d ** 3,
    m4: Math.max(0, s4 - 4 * d * s3 + 6 * d * d * s2 - 3 * n * d ** 4),
  };
}

/** Moments of two sets taken together (Pebay, SAND2008-6212, eqs. 1.1, 1.2 and 3.1; Chan et al. 1979 for M2). */
export function mergeMoments(a: CentralMoments, b: CentralMoments): CentralMoments {
  if (a.n === 0) return b;
  if (b.n === 0) return a;
  const n = a.n + b.n;
  const delta = b.mean - a.mean;
  const step = delta / n;
  const product = delta * step * a.n * b.n;
  return {
    n,
    mean: a.mean + step * b.n,
    m2: a.m2 + b.m2 + product,
    m3: a.m3 + b.m3 + product * step * (a.n - b.n) + 3 * step * (a.n * b.m2 - b.n * a.m2),
    m4:
      a.m4 +
      b.m4 +
      product * step * step * (a.n * a.n - a.n * b.n + b.n * b.n) +
      6 * step * step * (a.n * a.n * b.m2 + b.n * b.n * a.m2) +
      4 * step * (a.n * b.m3 - b.n * a.m3),
  };
}
