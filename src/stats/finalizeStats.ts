import type { SigmaCounts } from '../kernels/kernels';
import { displayHistogram } from './displayHistogram';
import { axisStats, outlierFactor } from './outliers';
import type { CountedStats } from './partialStats';
import { forEachPattern, patternCell, patternValue } from './patterns';
import { percentiles } from './percentiles';
import type { TensorStats } from './types';

/** Around which value, and beyond which distances, the second pass counts. */
export interface SigmaThresholds {
  readonly mean: number;
  readonly sigma3: number;
  readonly sigma6: number;
}

/** 3 and 6 standard deviations; undefined when there is no finite value. */
export function sigmaThresholds(stats: CountedStats): SigmaThresholds | undefined {
  const { n, mean, m2 } = stats.moments;
  if (n === 0) return undefined;
  const std = Math.sqrt(m2 / n);
  return { mean, sigma3: 3 * std, sigma6: 6 * std };
}

/**
 * Counts beyond 3 and 6 sigma from the histogram alone. Always exact for 16-bit and smaller types. For the
 * others undefined when a threshold falls into a bin that holds values: then a second pass must count.
 */
export function sigmaCounts(stats: CountedStats): SigmaCounts | undefined {
  const thresholds = sigmaThresholds(stats);
  let [sigma3, sigma6, doubtful] = [0, 0, false];
  if (thresholds === undefined) return { sigma3, sigma6 };
  const { mean } = thresholds;
  forEachPattern(stats.histogram, stats.kind, (pattern, count) => {
    const value = patternValue(pattern, stats.kind);
    const cell = stats.kind === 'f32' ? patternCell(pattern, 'f32') : { low: value, high: value };
    const low = Math.max(cell.low, stats.min) - mean;
    const high = Math.min(cell.high, stats.max) - mean;
    const nearest = low <= 0 && high >= 0 ? 0 : Math.min(Math.abs(low), Math.abs(high));
    const farthest = Math.max(Math.abs(low), Math.abs(high));
    if (nearest > thresholds.sigma3) sigma3 += count;
    else if (farthest > thresholds.sigma3) doubtful = true;
    if (nearest > thresholds.sigma6) sigma6 += count;
    else if (farthest > thresholds.sigma6) doubtful = true;
  });
  return doubtful ? undefined : { sigma3, sigma6 };
}

export interface FinalizeOptions {
  /** From the second pass; needed where `sigmaCounts` gives undefined. */
  readonly counts?: SigmaCounts | undefined;
  readonly outlierFactor?: number | undefined;
}

/** The statistics of a whole tensor, ready to show. Throws a TypeError when counts are needed and missing. */
export function finalizeStats(stats: CountedStats, name: string, options: FinalizeOptions = {}): TensorStats {
  const counts = options.counts ?? sigmaCounts(stats);
  if (counts === undefined) throw new TypeError('counts beyond 3 and 6 sigma need a second pass');
  const { moments, min, max, nan, inf, zeros } = stats;
  const { n } = moments;
  const std = Math.sqrt(moments.m2 / n);
  const kurtosis = moments.m4 / n / std ** 4 - 3;
  const some = (value: number) => (n === 0 ? null : value);
  const [low, first, middle, ninetyNinth, high] = percentiles(
    stats.histogram,
    stats.kind,
    [0.1, 1, 50, 99, 99.9],
    stats,
  );
  return {
    name,
    count: n + nan + inf,
    min: some(min),
    max: some(max),
    mean: some(moments.mean),
    std: some(std),
    absmax: some(Math.max(Math.abs(min), Math.abs(max))),
    kurtosis: Number.isFinite(kurtosis) ? kurtosis : null,
    nan,
    inf,
    zeros,
    outliers: counts,
    percentiles: {
      '0.1': some(low!),
      '1': some(first!),
      '50': some(middle!),
      '99': some(ninetyNinth!),
      '99.9': some(high!),
    },
    histogram: displayHistogram(stats),
    ...(stats.channels === undefined ? {} : { channels: channelStats(stats.channels, options) }),
  };
}

function channelStats(
  channels: NonNullable<CountedStats['channels']>,
  options: FinalizeOptions,
): NonNullable<TensorStats['channels']> {
  const factor = options.outlierFactor ?? outlierFactor;
  return {
    rows: axisStats(channels.rowMax, channels.rowSumSq, factor),
    columns: axisStats(channels.columnMax, channels.columnSumSq, factor),
  };
}
