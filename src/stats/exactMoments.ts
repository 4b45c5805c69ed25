import { type CentralMoments, noMoments } from './moments';
import type { CountedStats } from './partialStats';
import {
  forEachPattern,
  type HistogramKind,
  isFinitePattern,
  type PatternCounts,
  patternBins,
  patternValue,
} from './patterns';

/**
 * Everything but channels from a histogram whose patterns are values (any kind but `f32`): central
 * moments in two passes over the bins, extremes and counts.
 */
export function statsOfPatterns<Counts extends PatternCounts>(
  histogram: Counts,
  kind: HistogramKind,
): Omit<CountedStats, 'histogram'> & { readonly histogram: Counts } {
  const values: number[] = [];
  const counts: number[] = [];
  forEachPattern(histogram, kind, (pattern, count) => {
    values.push(patternValue(pattern, kind) + 0);
    counts.push(count);
  });
  let [nan, inf, zeros] = [0, 0, 0];
  forEachCount(histogram, (pattern, count) => {
    if ((pattern & 0x7fff) === 0) zeros += count;
    if (isFinitePattern(pattern, kind)) return;
    if (Number.isNaN(patternValue(pattern, kind))) nan += count;
    else inf += count;
  });
  return {
    kind,
    moments: momentsOfCounts(values, counts),
    min: values[0] ?? Number.POSITIVE_INFINITY,
    max: values.at(-1) ?? Number.NEGATIVE_INFINITY,
    zeros,
    nan,
    inf,
    histogram,
  };
}

/** Calls back for every pattern that was counted, whatever it stands for. */
function forEachCount(histogram: PatternCounts, visit: (pattern: number, count: number) => void): void {
  if (histogram instanceof Float64Array) {
    for (let pattern = 0; pattern < patternBins; pattern++)
      if (histogram[pattern] !== 0) visit(pattern, histogram[pattern]!);
    return;
  }
  for (const [i, pattern] of histogram.patterns.entries()) visit(pattern, histogram.counts[i]!);
}

function momentsOfCounts(values: readonly number[], counts: readonly number[]): CentralMoments {
  let [n, sum] = [0, 0];
  values.forEach((value, i) => {
    n += counts[i]!;
    sum += value * counts[i]!;
  });
  if (n === 0) return noMoments;
  const mean = sum / n;
  let [m2, m3, m4] = [0, 0, 0];
  values.forEach((value, i) => {
    const d = value - mean;
    const squared = d * d;
    m2 += counts[i]! * squared;
    m3 += counts[i]! * squared * d;
    m4 += counts[i]! * squared * squared;
  });
  return { n, mean, m2, m3, m4 };
}
