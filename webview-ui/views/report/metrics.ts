/** The error figures that the map can show: how to read, order, colour and write each. */
import type { TensorError } from '../../../src/protocol/engineApi';
import { fixed, padded } from './figures';

/** `kl` is no figure of the report: `Divergences` computes it. */
export type MetricName = 'sqnr' | 'mse' | 'maxAbs' | 'cosine' | 'meanAbs' | 'relative' | 'kl';

export interface Metric {
  readonly name: MetricName;
  readonly label: string;
  readonly unit: string;
  readonly better: 'high' | 'low';
  /** The figure; an exact copy has an infinite SQNR. */
  value(row: TensorError): number;
  /** Monotone in the figure, and even to the eye: errors over many magnitudes are seen by their logarithm. */
  stretch(value: number): number;
  /** Short enough for a cell. */
  format(value: number): string;
}

const short = (value: number) => padded(value, 3);

const figures: readonly Metric[] = [
  {
    name: 'sqnr',
    label: 'SQNR',
    unit: 'dB',
    better: 'high',
    value: (row) => row.sqnr ?? Number.POSITIVE_INFINITY,
    stretch: (value) => value,
    format: (value) => (Number.isFinite(value) ? fixed(value, 1) : 'exact'),
  },
  {
    name: 'mse',
    label: 'MSE',
    unit: '',
    better: 'low',
    value: (row) => row.mse,
    stretch: Math.log10,
    format: short,
  },
  {
    name: 'maxAbs',
    label: 'max |e|',
    unit: '',
    better: 'low',
    value: (row) => row.maxAbs,
    stretch: Math.log10,
    format: short,
  },
  {
    name: 'cosine',
    label: 'cosine',
    unit: '',
    better: 'high',
    value: (row) => row.cosine,
    stretch: (value) => -Math.log10(Math.max(1 - value, Number.EPSILON)),
    format: (value) => (value === 1 ? '1' : fixed(value, 5)),
  },
  {
    name: 'meanAbs',
    label: 'mean |e|',
    unit: '',
    better: 'low',
    value: (row) => row.meanAbs,
    stretch: Math.log10,
    format: short,
  },
  {
    name: 'relative',
    label: 'rel. error',
    unit: '',
    better: 'low',
    // sqrt(sum e^2 / sum x^2), from 10 log10 of its inverse's square.
    value: (row) => (row.sqnr === null ? 0 : 10 ** (-row.sqnr / 20)),
    stretch: Math.log10,
    format: short,
  },
];

/** Of a tensor that nobody has measured every figure is NaN, which is told by a dash. */
export const metrics: readonly Metric[] = figures.map((metric) => ({
  ...metric,
  value: (row) => (row.isUnmeasured ? Number.NaN : metric.value(row)),
  format: (value) => (Number.isNaN(value) ? '—' : metric.format(value)),
}));

/** The metric of a name; SQNR for a name that is unknown (an older saved state). */
export function metricNamed(name: string): Metric {
  return metrics.find((metric) => metric.name === name) ?? metrics[0]!;
}

/** Whether the tensor was changed at all: kept ones carry no error. Of two checkpoints one type may hold two values. */
export function isQuantized(row: TensorError): boolean {
  return row.from !== row.to || row.sqnr !== null || row.isUnmeasured === true;
}

export interface MetricRange {
  /** Figures at the ends of the colours; null: nothing finite to show. */
  readonly worst: number;
  readonly best: number;
}

/** Worst and best finite figure of the quantized tensors; null if there is none. */
export function metricRange(metric: Metric, rows: readonly TensorError[]): MetricRange | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    if (!isQuantized(row)) continue;
    const value = metric.value(row);
    if (!Number.isFinite(metric.stretch(value))) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return null;
  return metric.better === 'high' ? { worst: low, best: high } : { worst: high, best: low };
}

/** 0 (worst) to 1 (best); exact copies are best, NaN stays NaN. One figure alone is best. */
export function goodness(metric: Metric, range: MetricRange | null, value: number): number {
  if (Number.isNaN(value)) return Number.NaN;
  if (!range || !Number.isFinite(metric.stretch(value))) return 1;
  const worst = metric.stretch(range.worst);
  const best = metric.stretch(range.best);
  if (worst === best) return 1;
  return Math.min(1, Math.max(0, (metric.stretch(value) - worst) / (best - worst)));
}

/** Mean of the finite SQNRs of the quantized tensors, in dB; null where there is none. */
export function meanSqnr(rows: readonly TensorError[]): number | null {
  let sum = 0;
  let number = 0;
  for (const row of rows) {
    if (!isQuantized(row) || row.isUnmeasured || row.sqnr === null || !Number.isFinite(row.sqnr)) continue;
    sum += row.sqnr;
    number++;
  }
  return number === 0 ? null : sum / number;
}
