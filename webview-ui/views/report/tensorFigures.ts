/** The figures of one tensor under a scheme, and how two schemes differ in them. */
import type { TensorError } from '../../../src/protocol/engineApi';
import { figure, fixed, size } from './figures';
import { type MetricName, metrics } from './metrics';

export interface TensorFigure {
  readonly name: MetricName | 'bitsPerWeight' | 'size';
  readonly label: string;
  readonly unit: string;
  readonly better: 'high' | 'low';
  /** undefined: not known yet. */
  readonly value: number | undefined;
  format(value: number): string;
}

/** `kl` comes with the details, which take a pass over the tensor. */
export function tensorFigures(row: TensorError, elements: number, kl: number | undefined): TensorFigure[] {
  return [
    ...metrics.map(({ name, label, unit, better, value, format }): TensorFigure => {
      const own = value(row);
      const known = row.isUnmeasured ? undefined : own;
      return { name, label, unit: Number.isFinite(own) ? unit : '', better, value: known, format };
    }),
    {
      name: 'kl',
      label: 'KL divergence',
      unit: 'bits',
      better: 'low',
      value: kl,
      format: (value) => figure(value, 3),
    },
    {
      name: 'bitsPerWeight',
      label: 'bits per weight',
      unit: '',
      better: 'low',
      value: elements > 0 ? (8 * row.bytes) / elements : 0,
      format: (value) => fixed(value, 2),
    },
    { name: 'size', label: 'size', unit: '', better: 'low', value: row.bytes, format: size },
  ];
}

export interface FigureDifference {
  readonly text: string;
  /** Of the second to the first. */
  readonly verdict: 'better' | 'worse' | 'equal';
}

/** How the second scheme's figure stands to the first's: a difference of dB and cosines, a ratio of all others. */
export function figureDifference(first: TensorFigure, second: TensorFigure): FigureDifference | undefined {
  const [one, other] = [first.value, second.value];
  if (one === undefined || other === undefined) return undefined;
  if (one === other) return { text: 'equal', verdict: 'equal' };
  const verdict = other > one === (first.better === 'high') ? 'better' : 'worse';
  const difference = other - one;
  if (first.name === 'sqnr' || first.name === 'cosine') {
    if (!Number.isFinite(difference)) return { text: '', verdict };
    const sign = difference > 0 ? '+' : '\u2212';
    const digits = first.name === 'sqnr' ? 1 : 5;
    return { text: `${sign}${fixed(Math.abs(difference), digits)} ${first.unit}`.trim(), verdict };
  }
  return { text: one === 0 ? '' : `× ${figure(other / one, 3)}`, verdict };
}
