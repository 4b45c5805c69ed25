/** The statistics that the map of outliers can show: what they are of, how they are coloured, written and summed up. */
import { figureTexts } from './figureTexts';
import { formatInteger, formatShare } from './format';
import type { StatFigure, StatsTable } from './statsTable';

export type StatisticId =
  | 'kurtosis'
  | 'energy'
  | 'crest'
  | 'absmax'
  | 'std'
  | 'nonFinite'
  | 'skewness'
  | 'sigma6'
  | 'channels'
  | 'int8Columns';

/** As much of the figures known so far as the map asks for. */
export type KnownFigures = Pick<StatsTable, 'knowledge' | 'get'>;

/** What a map can show of each tensor. */
export interface MapStatistic {
  readonly label: string;
  readonly description: string;
  /**
   * How values become places on the colour map: `log` by their logarithm, `log1p` by log(1 + x) for counts and
   * others that start at 0, `signed` symmetric around 0.
   */
  readonly scale: 'linear' | 'log' | 'log1p' | 'signed';
  /** Cells show it in percent, without the sign. */
  readonly isShare?: boolean | undefined;
  /** Of a linear one: colours begin at the least value, where 0 would make all alike. */
  readonly isFromLeast?: boolean | undefined;
  /** NaN when a tensor has no such figure. */
  value(stats: KnownFigures, tensor: number, elements: number): number;
  format(value: number): string;
  isUnusual(value: number): boolean;
}

export interface Statistic extends MapStatistic {
  readonly id: StatisticId;
}

const plain = (
  id: StatisticId & StatFigure,
  label: string,
  description: string,
  scale: Statistic['scale'],
): Statistic => ({
  id,
  label,
  description,
  scale,
  value: (stats, tensor) => stats.get(tensor, id),
  ...figureTexts[id],
});

export const statistics: readonly Statistic[] = [
  plain(
    'kurtosis',
    'Kurtosis',
    'Excess kurtosis: 0 for a normal distribution, large when few values are far out',
    'log1p',
  ),
  {
    id: 'energy',
    label: 'Energy in outlier channels',
    description:
      'Share of the sum of squares that lies in outlier rows or outlier columns, whichever holds more',
    scale: 'linear',
    value: (stats, tensor) => Math.max(stats.get(tensor, 'rowEnergy'), stats.get(tensor, 'columnEnergy')),
    format: formatShare,
    isShare: true,
    isUnusual: (value) => value > 0.1,
  },
  plain('crest', 'Crest factor', 'absmax divided by RMS: how far the largest value is out', 'log'),
  plain('absmax', 'absmax', 'Largest absolute value', 'log'),
  plain('std', 'σ', 'Standard deviation', 'log'),
  {
    id: 'nonFinite',
    label: 'NaN and infinities',
    description: 'Share of the values that are NaN or infinite',
    scale: 'linear',
    value: (stats, tensor, elements) =>
      elements > 0 ? (stats.get(tensor, 'nan') + stats.get(tensor, 'inf')) / elements : Number.NaN,
    format: formatShare,
    isShare: true,
    isUnusual: (value) => value > 0,
  },
  plain(
    'skewness',
    'Skewness',
    'Skewness: negative with a tail to the left, positive to the right',
    'signed',
  ),
  plain('sigma6', 'Values beyond 6 σ', 'Values further than 6 standard deviations from the mean', 'log1p'),
  {
    id: 'channels',
    label: 'Outlier channels',
    description: 'Rows and columns whose absmax is far beyond the median of their axis',
    scale: 'log1p',
    value: (stats, tensor) => stats.get(tensor, 'rowOutliers') + stats.get(tensor, 'columnOutliers'),
    format: formatInteger,
    isUnusual: (value) => value > 0,
  },
  plain(
    'int8Columns',
    'LLM.int8() columns',
    'Columns with a value that reaches the threshold of LLM.int8()',
    'log1p',
  ),
];

export function statisticOf(id: StatisticId): Statistic {
  return statistics.find((statistic) => statistic.id === id) ?? statistics[0]!;
}

export interface StatisticRange {
  readonly min: number;
  readonly max: number;
  /** Some values lie below `min`, and take its colour. */
  readonly isCut: boolean;
}

/** From the smallest to the largest finite value; symmetric around 0 for a signed scale. undefined: no value is known. */
export function rangeOf(statistic: MapStatistic, values: Iterable<number>): StatisticRange | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let isCut = false;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    // A logarithm has no place for 0: such tensors take the lowest colour.
    if (statistic.scale === 'log' && value <= 0) {
      isCut = true;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (min > max) return undefined;
  if (statistic.scale === 'signed') {
    const most = Math.max(Math.abs(min), Math.abs(max));
    return { min: -most, max: most, isCut: false };
  }
  if (statistic.scale === 'log' || statistic.isFromLeast) return { min, max, isCut };
  // What counts from 0 starts there, so that no outliers anywhere look like none.
  return { min: 0, max: max > 0 ? max : 1, isCut: min < 0 };
}

/** Place of a value on the colour map, 0..1; NaN for NaN. */
export function placeOn(statistic: MapStatistic, { min, max }: StatisticRange, value: number): number {
  if (Number.isNaN(value)) return Number.NaN;
  const by = (number: number) => {
    switch (statistic.scale) {
      case 'log':
        return Math.log(Math.max(number, min));
      case 'log1p':
        return Math.log1p(Math.max(0, number));
      default:
        return number;
    }
  };
  const low = by(min);
  const high = by(max);
  if (!(high > low)) return statistic.scale === 'signed' ? 0.5 : 0;
  return Math.min(1, Math.max(0, (by(value) - low) / (high - low)));
}

/** What a cell of several tensors shows: the value of largest magnitude, and whose it is. */
export interface CellFigure {
  /** NaN: none of its tensors is known. */
  readonly value: number;
  /** The tensor with that value; the first of the cell when none is known. */
  readonly tensor: number;
  /** How many of the cell's tensors are not analyzed yet, and cannot be read. */
  readonly unknown: number;
  readonly unreadable: number;
}

export function cellFigure(
  statistic: MapStatistic,
  stats: KnownFigures,
  elements: ArrayLike<number>,
  tensors: readonly number[],
): CellFigure {
  let value = Number.NaN;
  let tensor = tensors[0]!;
  let unknown = 0;
  let unreadable = 0;
  for (const candidate of tensors) {
    const knowledge = stats.knowledge(candidate);
    if (knowledge !== 'known') {
      if (knowledge === 'unknown') unknown++;
      else unreadable++;
      continue;
    }
    const figure = statistic.value(stats, candidate, elements[candidate]!);
    if (Number.isNaN(figure)) continue;
    const isLarger = statistic.scale === 'signed' ? Math.abs(figure) > Math.abs(value) : figure > value;
    if (Number.isNaN(value) || isLarger) {
      value = figure;
      tensor = candidate;
    }
  }
  return { value, tensor, unknown, unreadable };
}
