import { type CentralMoments, noMoments, twoSum } from './moments';
import type { CountedStats } from './partialStats';
import {
  forEachCount,
  forEachPattern,
  type HistogramKind,
  isFinitePattern,
  type PatternCounts,
  patternValue,
  sparsePatterns,
} from './patterns';

/**
 * Everything but channels and places from a histogram whose patterns are values (any kind but `f32`): central
 * moments in two passes over the bins, extremes and counts.
 */
export function statsOfPatterns<Counts extends PatternCounts>(
  histogram: Counts,
  kind: HistogramKind,
): Omit<CountedStats, 'histogram' | 'top'> & { readonly histogram: Counts } {
  const values: number[] = [];
  const counts: number[] = [];
  forEachPattern(histogram, kind, (pattern, count) => {
    values.push(patternValue(pattern, kind) + 0);
    counts.push(count);
  });
  let [nan, posInf, negInf, zeros] = [0, 0, 0, 0];
  forEachCount(histogram, (pattern, count) => {
    if ((pattern & 0x7fff) === 0) zeros += count;
    if (isFinitePattern(pattern, kind)) return;
    if (Number.isNaN(patternValue(pattern, kind))) nan += count;
    else if (pattern < 0x8000) posInf += count;
    else negInf += count;
  });
  return {
    kind,
    moments: momentsOfCounts(values, counts),
    min: values[0] ?? Number.POSITIVE_INFINITY,
    max: values.at(-1) ?? Number.NEGATIVE_INFINITY,
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
  return stats.kind === 'f32' ? stats : { ...stats, ...statsOfPatterns(stats.histogram, stats.kind) };
}

function momentsOfCounts(values: readonly number[], counts: readonly number[]): CentralMoments {
  let [n, sum, low] = [0, 0, 0];
  values.forEach((value, i) => {
    n += counts[i]!;
    // The product is exact: a value has at most 11 bits and a count fewer than 42.
    const [next, error] = twoSum(sum, value * counts[i]!);
    sum = next;
    low += error;
  });
  if (n === 0) return noMoments;
  const mean = (sum + low) / n;
  let [m2, m2Low, m3, m4] = [0, 0, 0, 0];
  values.forEach((value, i) => {
    const d = value - mean;
    const squared = d * d;
    const [next, error] = twoSum(m2, counts[i]! * squared);
    m2 = next;
    m2Low += error;
    m3 += counts[i]! * squared * d;
    m4 += counts[i]! * squared * squared;
  });
  return { n, mean, meanLow: 0, m2, m2Low, m3, m4 };
}
