import { type CentralMoments, noMoments, sumError } from './moments';
import type { CountedStats } from './partialStats';
import {
  type FiniteCounts,
  finiteCounts,
  type HistogramKind,
  isExactKind,
  isFinitePattern,
  type PatternCounts,
  patternValue,
  sparsePatterns,
} from './patterns';

/**
 * Everything but channels and places from a histogram whose patterns are values (those of `isExactKind`): central
 * moments in two passes over the bins, extremes and counts.
 */
export function statsOfPatterns<Counts extends PatternCounts>(
  histogram: Counts,
  kind: HistogramKind,
): Omit<CountedStats, 'histogram' | 'top'> & { readonly histogram: Counts } {
  const finite = finiteCounts(histogram, kind);
  const { length, values, counts } = finite;
  let [nan, posInf, negInf, zeros] = [0, 0, 0, 0];
  for (let i = 0; i < length; i++) if (values[i] === 0) zeros += counts[i]!;
  const all = sparsePatterns(histogram);
  // Usually all are finite, and there is nothing more to count.
  for (let i = 0; i < all.patterns.length && length < all.patterns.length; i++) {
    const pattern = all.patterns[i]!;
    const count = all.counts[i]!;
    if (isFinitePattern(pattern, kind)) continue;
    if (Number.isNaN(patternValue(pattern, kind))) nan += count;
    else if (pattern < 0x8000) posInf += count;
    else negInf += count;
  }
  return {
    kind,
    moments: momentsOfCounts(finite),
    // Adding 0 turns -0 into 0.
    min: length > 0 ? values[0]! + 0 : Number.POSITIVE_INFINITY,
    max: length > 0 ? values[length - 1]! + 0 : Number.NEGATIVE_INFINITY,
    zeros,
    nan,
    posInf,
    negInf,
    denormals: 0,
    histogram,
  };
}

/**
 * The merged statistics of all parts, with what the histogram alone tells of exact kinds, and the histogram in proportion
 * to the patterns that occur.
 */
export function completeStats(merged: CountedStats): CountedStats {
  const stats = { ...merged, histogram: sparsePatterns(merged.histogram) };
  return isExactKind(stats.kind) ? { ...stats, ...statsOfPatterns(stats.histogram, stats.kind) } : stats;
}

/** Plain loops: with functions called for each value they take most of the time of a tensor. */
function momentsOfCounts({ length, values, counts }: FiniteCounts): CentralMoments {
  let [n, sum, low] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    n += counts[i]!;
    // The product is exact: a value has at most 11 bits and a count fewer than 42.
    const term = values[i]! * counts[i]!;
    const next = sum + term;
    low += sumError(sum, term, next);
    sum = next;
  }
  if (n === 0) return noMoments;
  const mean = (sum + low) / n;
  let [m2, m2Low, m3, m4] = [0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    const d = values[i]! - mean;
    const squared = d * d;
    const term = counts[i]! * squared;
    const next = m2 + term;
    m2Low += sumError(m2, term, next);
    m2 = next;
    m3 += term * d;
    m4 += term * squared;
  }
  return { n, exponent: 0, mean, meanLow: 0, m2, m2Low, m3, m4 };
}
