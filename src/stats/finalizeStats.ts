import type { SigmaCounts } from '../kernels/kernels';
import { smallestNormal } from '../numeric/smallestNormal';
import { displayHistogram } from './displayHistogram';
import { meanAndStd, shapeOf } from './moments';
import { axisStats, int8Threshold, outlierFactor, reaching } from './outliers';
import type { CountedStats, PartialChannels } from './partialStats';
import { denormalPatterns, patternEntropy } from './patternFigures';
import { finiteCounts, isExactKind, patternCell } from './patterns';
import { percentiles } from './percentiles';
import type { ChannelDetail, ChannelStats, OutlierChannels, TensorStats } from './types';

/** Around which value, and beyond which distances, the second pass counts. */
export interface SigmaThresholds {
  readonly mean: number;
  readonly sigma3: number;
  readonly sigma6: number;
}

/** 3 and 6 standard deviations; undefined when there is no finite value. */
export function sigmaThresholds(stats: Pick<CountedStats, 'moments'>): SigmaThresholds | undefined {
  const { mean, std } = meanAndStd(stats.moments);
  return stats.moments.n === 0 ? undefined : { mean, sigma3: 3 * std, sigma6: 6 * std };
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
  const { length, patterns, values, counts } = finiteCounts(stats.histogram, stats.kind);
  for (let i = 0; i < length; i++) {
    const cell = isExactKind(stats.kind) ? undefined : patternCell(patterns[i]!, stats.kind);
    const low = Math.max(cell?.low ?? values[i]!, stats.min) - mean;
    const high = Math.min(cell?.high ?? values[i]!, stats.max) - mean;
    const nearest = low <= 0 && high >= 0 ? 0 : Math.min(Math.abs(low), Math.abs(high));
    const farthest = Math.max(Math.abs(low), Math.abs(high));
    if (nearest > thresholds.sigma3) sigma3 += counts[i]!;
    else if (farthest > thresholds.sigma3) doubtful = true;
    if (nearest > thresholds.sigma6) sigma6 += counts[i]!;
    else if (farthest > thresholds.sigma6) doubtful = true;
  }
  return doubtful ? undefined : { sigma3, sigma6 };
}

export interface FinalizeOptions {
  /** From the second pass; needed where `sigmaCounts` gives undefined. */
  readonly counts?: SigmaCounts | undefined;
  readonly outlierFactor?: number | undefined;
  /** See `ChannelStats.int8Columns`; undefined: 6. */
  readonly int8Threshold?: number | undefined;
  /** 'summary' leaves out channel arrays and the display histogram. */
  readonly channels?: ChannelDetail | undefined;
}

/** What the figures are of. */
export interface StatsSubject {
  readonly name: string;
  /** The type that the values are stored in. */
  readonly dtype: string;
}

/** The statistics of a whole tensor, ready to show. Throws a TypeError when counts are needed and missing. */
export function finalizeStats(
  stats: CountedStats,
  { name, dtype }: StatsSubject,
  options: FinalizeOptions = {},
): TensorStats {
  const counts = options.counts ?? sigmaCounts(stats);
  if (counts === undefined) throw new TypeError('counts beyond 3 and 6 sigma need a second pass');
  const { moments, min, max, nan, posInf, negInf, zeros, top } = stats;
  const { n } = moments;
  const { mean, std } = meanAndStd(moments);
  const { skewness, kurtosis } = shapeOf(moments);
  const count = n + nan + posInf + negInf;
  const rms = Math.hypot(mean, std);
  const absmax = Math.max(Math.abs(min), Math.abs(max));
  const some = (value: number) => (n === 0 ? null : value);
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  const [low, first, middle, ninetyNinth, high] = percentiles(
    stats.histogram,
    stats.kind,
    [0.1, 1, 50, 99, 99.9],
    stats,
  );
  const channels = stats.channels && channelStats(stats.channels, options);
  return {
    name,
    count,
    min: some(min),
    max: some(max),
    mean: some(mean),
    std: some(std),
    skewness: finite(skewness),
    absmax: some(absmax),
    rms: some(rms),
    crest: finite(absmax / rms),
    kurtosis: finite(kurtosis - 3),
    entropy: count === 0 ? null : patternEntropy(stats.histogram),
    nan,
    inf: posInf + negInf,
    posInf,
    negInf,
    zeros,
    denormals: dtype === 'F64' ? stats.denormals : denormalPatterns(stats, smallestNormal(dtype)),
    outliers: counts,
    percentiles: {
      '0.1': some(low!),
      '1': some(first!),
      '50': some(middle!),
      '99': some(ninetyNinth!),
      '99.9': some(high!),
    },
    top,
    histogram: options.channels === 'summary' ? null : displayHistogram(stats),
    ...(channels && {
      ...(options.channels === 'summary' ? {} : { channels }),
      outlierChannels: outlierChannels(channels),
    }),
  };
}

function channelStats(
  { columns, rowMax, rowSumSq, columnMax, columnSumSq, nonFinite }: PartialChannels,
  options: FinalizeOptions,
): ChannelStats {
  const factor = options.outlierFactor ?? outlierFactor;
  return {
    rows: axisStats({ absmax: rowMax, sumSq: rowSumSq, nonFinite: nonFinite?.rows, length: columns }, factor),
    columns: axisStats(
      { absmax: columnMax, sumSq: columnSumSq, nonFinite: nonFinite?.columns, length: rowMax.length },
      factor,
    ),
    int8Columns: reaching(columnMax, options.int8Threshold ?? int8Threshold),
  };
}

function outlierChannels({ rows, columns, int8Columns }: ChannelStats): OutlierChannels {
  return {
    rows: rows.outliers.length,
    columns: columns.outliers.length,
    rowEnergy: rows.outlierEnergy,
    columnEnergy: columns.outlierEnergy,
    int8Columns: int8Columns.length,
  };
}
