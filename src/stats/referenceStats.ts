import { channelsReference } from '../kernels/reference/channels';
import { countBeyondReference } from '../kernels/reference/sums';
import { largestReference } from '../kernels/reference/tails';
import { smallestNormal } from '../numeric/smallestNormal';
import { axisStats, int8Threshold, outlierFactor, reaching } from './outliers';
import { type ChannelStats, type PlacedValue, topCount } from './types';

/** The figures that `referenceStats` computes; names and definitions as in `TensorStats`. */
export interface ReferenceStats {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly skewness: number;
  readonly absmax: number;
  readonly rms: number;
  readonly crest: number;
  readonly kurtosis: number;
  readonly nan: number;
  readonly inf: number;
  readonly posInf: number;
  readonly negInf: number;
  readonly zeros: number;
  readonly denormals: number;
  readonly top: readonly PlacedValue[];
  readonly outliers: { readonly sigma3: number; readonly sigma6: number };
  /** By linear interpolation at rank p / 100 * (n - 1) of the sorted finite values. */
  readonly percentile: (p: number) => number;
  readonly channels: ChannelStats;
}

/**
 * Statistics straight from their definitions: sort, mean, then sums of powers of (x - mean). Slow and
 * memory-hungry; it is what the fast path is checked against. Needs at least one finite value. `dtype` is what the
 * values are stored in.
 */
export function referenceStats(values: Float64Array, columns: number, dtype = 'F32'): ReferenceStats {
  const sorted = values.filter((value) => Number.isFinite(value)).sort();
  const n = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const central = (power: number) => sorted.reduce((sum, value) => sum + (value - mean) ** power, 0) / n;
  const std = Math.sqrt(central(2));
  const rms = Math.sqrt(sorted.reduce((sum, value) => sum + value * value, 0) / n);
  const absmax = Math.max(Math.abs(sorted[0]!), Math.abs(sorted[n - 1]!));
  const fold = channelsReference(values, 0, columns);
  const nonFinite = (channels: number, channelOf: (index: number) => number) => {
    const counts = new Float64Array(channels);
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) counts[channelOf(i)]!++;
    });
    return counts;
  };
  return {
    count: values.length,
    min: sorted[0]!,
    max: sorted[n - 1]!,
    mean,
    std,
    skewness: central(3) / std ** 3,
    absmax,
    rms,
    crest: absmax / rms,
    kurtosis: central(4) / std ** 4 - 3,
    nan: values.filter((value) => Number.isNaN(value)).length,
    inf: values.filter((value) => Math.abs(value) === Number.POSITIVE_INFINITY).length,
    posInf: values.filter((value) => value === Number.POSITIVE_INFINITY).length,
    negInf: values.filter((value) => value === Number.NEGATIVE_INFINITY).length,
    zeros: sorted.filter((value) => value === 0).length,
    denormals: sorted.filter((value) => value !== 0 && Math.abs(value) < smallestNormal(dtype)).length,
    top: largestReference(values, topCount).map(({ index, value }) => ({ index, value: value + 0 })),
    outliers: countBeyondReference(values, mean, 3 * std, 6 * std),
    percentile: (p) => {
      const rank = (p / 100) * (n - 1);
      const low = sorted[Math.floor(rank)]!;
      return low + (sorted[Math.ceil(rank)]! - low) * (rank - Math.floor(rank));
    },
    channels: {
      rows: axisStats(
        {
          absmax: fold.rowMax,
          sumSq: fold.rowSumSq,
          nonFinite: nonFinite(fold.rowMax.length, (i) => Math.floor(i / columns)),
          length: columns,
        },
        outlierFactor,
      ),
      columns: axisStats(
        {
          absmax: fold.columnMax,
          sumSq: fold.columnSumSq,
          nonFinite: nonFinite(columns, (i) => i % columns),
          length: fold.rowMax.length,
        },
        outlierFactor,
      ),
      int8Columns: reaching(fold.columnMax, int8Threshold),
    },
  };
}

/** -sum p log2 p over the shares of equal patterns. */
export function entropyReference(patterns: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (const pattern of Array.from(patterns)) counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) {
    entropy -= (count / patterns.length) * Math.log2(count / patterns.length);
  }
  return entropy;
}
