import { type CentralMoments, noMoments } from './moments';
import type { PartialStats } from './partialStats';
import { forEachPattern, type HistogramKind, isFinitePattern, patternBins, patternValue } from './patterns';

/**
 * Everything but channels from a histogram whose patterns are values (any kind but `f32`): central
 * moments in two passes over the bins, extremes and counts.
 */
export function statsOfPatterns(histogram: Float64Array, kind: HistogramKind): PartialStats {
  const values: number[] = [];
  const counts: number[] = [];
  forEachPattern(histogram, kind, (pattern, count) => {
    values.push(patternValue(pattern, kind) + 0);
    counts.push(count);
  });
  let [nan, inf] = [0, 0];
  for (let pattern = 0; pattern < patternBins; pattern++) {
    const count = histogram[pattern]!;
    if (count === 0 || isFinitePattern(pattern, kind)) continue;
    if (Number.isNaN(patternValue(pattern, kind))) nan += count;
    else inf += count;
  }
  return {
    kind,
    moments: momentsOfCounts(values, counts),
    min: values[0] ?? Number.POSITIVE_INFINITY,
    max: values.at(-1) ?? Number.NEGATIVE_INFINITY,
    zeros: histogram[0]! + histogram[0x8000]!,
    nan,
    inf,
    histogram,
  };
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
