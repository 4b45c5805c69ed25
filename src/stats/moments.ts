/**
 * Moments and how they merge.
 *
 * Bounds, u = 2^-53, rms around whatever the sums were taken around (0, or the mean of their run): kernels add at most 260
 * terms in a lane and then at most 256 lanes' sums of a run, or add those with their rounding errors, so |error of a sum| <=
 * 580 u times the sum of the terms' magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 4.4,
 * first order). Runs are summed around 0 only while mean^2 <= 4 variance, else again around their own mean. Merging keeps the
 * low part of mean and M2, so that its errors do not grow with the number of runs. Values whose powers would leave float64 are
 * summed in a unit of their own, a power of two (`unitExponent`). Together, for any number of values below 2^45, and where
 * the result itself is a normal number:
 *
 *     |error of mean| <= 1e-12 |mean|  or  <= 1.5e-13 std, whichever is larger
 *     |error of std|  <= 1e-12 std
 *
 * A mean that is tiny against std thus keeps fewer digits of its own: the terms cancel, and no more is promised than what
 * matters beside their spread.
 */
import type { ShiftedSums } from '../kernels/kernels';
import { timesPowerOfTwo } from './wideUnits';

/** Mean and sums of powers of (x - mean); independent of any shift. */
export interface CentralMoments {
  readonly n: number;
  /** The values are counted in units of 2^exponent. */
  readonly exponent: number;
  readonly mean: number;
  /** What `mean` lacks for having one number's digits only. */
  readonly meanLow: number;
  readonly m2: number;
  readonly m2Low: number;
  readonly m3: number;
  readonly m4: number;
}

export const noMoments: CentralMoments = {
  n: 0,
  exponent: 0,
  mean: 0,
  meanLow: 0,
  m2: 0,
  m2Low: 0,
  m3: 0,
  m4: 0,
};

/** What `sum`, a + b as a number, lacks (Knuth, TAOCP 2, 4.2.2, theorem B). */
export function sumError(a: number, b: number, sum: number): number {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

/** a + b as a number and its rounding error. */
function twoSum(a: number, b: number): readonly [sum: number, error: number] {
  const sum = a + b;
  return [sum, sumError(a, b, sum)];
}

/** Turns sums around a shift into central ones: binomial expansion of (d - mean d)^k, d = x - shift. */
export function centralMoments(sums: ShiftedSums, shift: number, exponent = 0): CentralMoments {
  const { finite: n, s1, s2, s3, s4 } = sums;
  if (n === 0) return noMoments;
  const d = s1 / n;
  const [mean, meanLow] = twoSum(shift, d);
  // One value has no spread, whatever rounding would leave of its powers.
  if (n === 1) return { ...noMoments, n, exponent, mean, meanLow };
  return {
    n,
    exponent,
    mean,
    meanLow,
    m2: Math.max(0, s2 - n * d * d),
    m2Low: 0,
    m3: s3 - 3 * d * s2 + 2 * n * d ** 3,
    m4: Math.max(0, s4 - 4 * d * s3 + 6 * d * d * s2 - 3 * n * d ** 4),
  };
}

/** Mean and population standard deviation; NaN of no values. */
export function meanAndStd(moments: CentralMoments): { mean: number; std: number } {
  const { n, exponent, mean, meanLow } = moments;
  return {
    mean: n === 0 ? Number.NaN : timesPowerOfTwo(mean + meanLow, exponent),
    std: timesPowerOfTwo(stdInUnits(moments), exponent),
  };
}

function stdInUnits({ n, m2, m2Low }: CentralMoments): number {
  return Math.sqrt(Math.max(0, m2 + m2Low) / n);
}

/** Third and fourth standardized moments, m3 / std^3 and m4 / std^4; not finite when std is 0. */
export function shapeOf(moments: CentralMoments): { skewness: number; kurtosis: number } {
  const std = stdInUnits(moments);
  return { skewness: moments.m3 / moments.n / std ** 3, kurtosis: moments.m4 / moments.n / std ** 4 };
}

/** Zeros are zeros in any unit. */
const isAllZero = ({ mean, m2 }: CentralMoments) => mean === 0 && m2 === 0;

/** The same moments in a larger unit: what is too small for it beside other values vanishes. */
function inUnit(moments: CentralMoments, exponent: number): CentralMoments {
  const step = moments.exponent - exponent;
  if (step === 0) return moments;
  if (isAllZero(moments)) return { ...moments, exponent };
  return {
    n: moments.n,
    exponent,
    mean: timesPowerOfTwo(moments.mean, step),
    meanLow: timesPowerOfTwo(moments.meanLow, step),
    m2: timesPowerOfTwo(moments.m2, 2 * step),
    m2Low: timesPowerOfTwo(moments.m2Low, 2 * step),
    m3: timesPowerOfTwo(moments.m3, 3 * step),
    m4: timesPowerOfTwo(moments.m4, 4 * step),
  };
}

/** Both in the larger of their units. */
function inOneUnit(a: CentralMoments, b: CentralMoments): readonly [CentralMoments, CentralMoments] {
  if (a.exponent === b.exponent) return [a, b];
  const exponent = isAllZero(a) ? b.exponent : isAllZero(b) ? a.exponent : Math.max(a.exponent, b.exponent);
  return [inUnit(a, exponent), inUnit(b, exponent)];
}

/** Whether sums around 0 have lost too many digits to say something about the spread: mean^2 > 4 variance. */
export function needShift({ finite: n, s1, s2 }: ShiftedSums): boolean {
  return n > 1 && 5 * s1 * s1 > 4 * n * s2;
}

/** Moments of two sets taken together (Pebay, SAND2008-6212, eqs. 1.1, 1.2 and 3.1; Chan et al. 1979 for M2). */
export function mergeMoments(first: CentralMoments, second: CentralMoments): CentralMoments {
  if (first.n === 0) return second;
  if (second.n === 0) return first;
  const [a, b] = inOneUnit(first, second);
  const n = a.n + b.n;
  const delta = b.mean - a.mean + (b.meanLow - a.meanLow);
  const step = delta / n;
  const product = delta * step * a.n * b.n;
  const [mean, meanError] = twoSum(a.mean, step * b.n);
  const [within, withinError] = twoSum(a.m2, b.m2);
  const [m2, m2Error] = twoSum(within, product);
  return {
    n,
    exponent: a.exponent,
    mean,
    meanLow: a.meanLow + meanError,
    m2,
    m2Low: a.m2Low + b.m2Low + withinError + m2Error,
    m3: a.m3 + b.m3 + product * step * (a.n - b.n) + 3 * step * (a.n * b.m2 - b.n * a.m2),
    m4:
      a.m4 +
      b.m4 +
      product * step * step * (a.n * a.n - a.n * b.n + b.n * b.n) +
      6 * step * step * (a.n * a.n * b.m2 + b.n * b.n * a.m2) +
      4 * step * (a.n * b.m3 - b.n * a.m3),
  };
}
