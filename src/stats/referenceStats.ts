import { channelsReference } from '../kernels/reference/channels';
import { countBeyondReference } from '../kernels/reference/sums';
import { axisStats, int8Threshold, outlierFactor, reaching } from './outliers';
import type { ChannelStats } from './types';

/** The figures that `referenceStats` computes; names and definitions as in `TensorStats`. */
export interface ReferenceStats {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly absmax: number;
  readonly kurtosis: number;
  readonly nan: number;
  readonly inf: number;
  readonly zeros: number;
  readonly outliers: { readonly sigma3: number; readonly sigma6: number };
  /** By linear interpolation at rank p / 100 * (n - 1) of the sorted finite values. */
  readonly percentile: (p: number) => number;
  readonly channels: ChannelStats;
}

/**
 * Statistics straight from their definitions: sort, mean, then sums of powers of (x - mean). Slow and
 * memory-hungry; it is what the fast path is checked against. Needs at least one finite value.
 */
export function referenceStats(values: Float64Array, columns: number): ReferenceStats {
  const sorted = values.filter((value) => Number.isFinite(value)).sort();
  const n = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const central = (power: number) => sorted.reduce((sum, value) => sum + (value - mean) ** power, 0) / n;
  const std = Math.sqrt(central(2));
  const fold = channelsReference(values, 0, columns);
  return {
    count: values.length,
    min: sorted[0]!,
    max: sorted[n - 1]!,
    mean,
    std,
    absmax: Math.max(Math.abs(sorted[0]!), Math.abs(sorted[n - 1]!)),
    kurtosis: central(4) / std ** 4 - 3,
    nan: values.filter((value) => Number.isNaN(value)).length,
    inf: values.filter((value) => Math.abs(value) === Number.POSITIVE_INFINITY).length,
    zeros: sorted.filter((value) => value === 0).length,
    outliers: countBeyondReference(values, mean, 3 * std, 6 * std),
    percentile: (p) => {
      const rank = (p / 100) * (n - 1);
      const low = sorted[Math.floor(rank)]!;
      return low + (sorted[Math.ceil(rank)]! - low) * (rank - Math.floor(rank));
    },
    channels: {
      rows: axisStats({ absmax: fold.rowMax, sumSq: fold.rowSumSq, length: columns }, outlierFactor),
      columns: axisStats(
        { absmax: fold.columnMax, sumSq: fold.columnSumSq, length: fold.rowMax.length },
        outlierFactor,
      ),
      int8Columns: reaching(fold.columnMax, int8Threshold),
    },
  };
}
