/** The errors that the sensitivity map can show: how they are coloured, written, and which way is better. Pure. */
import { compactNumber } from './compactNumber';
import { formatNumber } from './format';
import type { CellFigureName, SensitivityCells } from './sensitivityCells';

export type MetricId = 'sqnr' | 'mse' | 'relative' | 'maxAbs' | 'cosine' | 'kl';

export interface Metric {
  readonly id: MetricId & CellFigureName;
  readonly label: string;
  readonly description: string;
  /** Whether larger values are worse. */
  readonly isError: boolean;
  /** Place on a line on which colours are spread evenly; may be infinite where there is no error. */
  readonly spread: (value: number) => number;
  readonly format: (value: number) => string;
  /** For a cell of the map. */
  readonly short: (value: number) => string;
}

const decibel = (value: number) =>
  value === Number.POSITIVE_INFINITY ? 'no error' : `${formatNumber(value, 3)} dB`;
const small = (value: number) => formatNumber(value, 3);

export const metrics: readonly Metric[] = [
  {
    id: 'sqnr',
    label: 'SQNR, dB',
    description: 'Signal to quantization noise: 6 dB more is half the error',
    isError: false,
    spread: (value) => value,
    format: decibel,
    short: (value) => (value === Number.POSITIVE_INFINITY ? '∞' : value.toFixed(1).replace('-', '−')),
  },
  {
    id: 'mse',
    label: 'MSE',
    description: 'Mean squared error of the values',
    isError: true,
    spread: Math.log10,
    format: small,
    short: compactNumber,
  },
  {
    id: 'relative',
    label: 'Relative error',
    description: 'Root of the squared error over the squared values: 0.1 is 20 dB',
    isError: true,
    spread: Math.log10,
    format: small,
    short: compactNumber,
  },
  {
    id: 'maxAbs',
    label: 'Largest error',
    description: 'Largest absolute error of a value',
    isError: true,
    spread: Math.log10,
    format: small,
    short: compactNumber,
  },
  {
    id: 'cosine',
    label: 'Cosine',
    description: 'Cosine of the angle between original and dequantized values: 1 is the same direction',
    isError: false,
    spread: (value) => -Math.log10(1 - value),
    format: (value) => formatNumber(value, 6),
    short: (value) => value.toFixed(4).replace(/^0/, ''),
  },
  {
    id: 'kl',
    label: 'KL divergence, bits',
    description: 'How far the distribution of the values moves: 0 when the histograms are equal',
    isError: true,
    spread: Math.log10,
    format: small,
    short: compactNumber,
  },
];

export const metricOf = (id: MetricId): Metric => metrics.find((metric) => metric.id === id) ?? metrics[0]!;

/** The values at the ends of the colours: `worst` is drawn dark and `best` light. */
export interface MetricRange {
  readonly worst: number;
  readonly best: number;
}

/** Over every quantized cell with an error; undefined when there is none. */
export function metricRange(
  cells: SensitivityCells,
  keys: readonly string[],
  metric: Metric,
): MetricRange | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const key of keys) {
    for (let tensor = 0; tensor < cells.count; tensor++) {
      const value = cells.figure(key, tensor, metric.id);
      if (!Number.isFinite(metric.spread(value))) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return undefined;
  return metric.isError ? { worst: high, best: low } : { worst: low, best: high };
}

/** 0 for the worst, 1 for the best and for what has no error; cut to that. */
export function placeOf(metric: Metric, range: MetricRange | undefined, value: number): number {
  const at = metric.spread(value);
  if (!Number.isFinite(at)) return Number.isNaN(at) ? Number.NaN : 1;
  const [worst, best] = range ? [metric.spread(range.worst), metric.spread(range.best)] : [0, 0];
  if (best === worst) return 1;
  return Math.min(1, Math.max(0, (at - worst) / (best - worst)));
}

/** Whether one value is worse than another. */
export const isWorse = (metric: Metric, one: number, other: number): boolean =>
  metric.isError ? one > other : one < other;
