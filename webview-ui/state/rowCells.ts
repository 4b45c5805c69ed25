/** A row of the map under a scheme: one tensor's cell, or the worst of several. Pure. */
import { formatBits, formatInteger } from './format';
import type { KnownCell, SensitivityCells } from './sensitivityCells';
import { isWorse, type Metric, type MetricRange, placeOf } from './sensitivityMetrics';
import type { SensitivityRow } from './sensitivityRows';

export interface RowCell {
  readonly state: 'unknown' | 'quantized' | 'kept' | 'failed';
  /** The tensor that is shown: of several, the worst. */
  readonly tensor: number;
  /** By the metric; NaN where nothing is quantized. */
  readonly value: number;
  /** Place on the colour map. */
  readonly place: number;
}

/** Of several tensors, quantized ones decide, then failed ones. */
export function rowCell(
  cells: SensitivityCells,
  { tensors }: SensitivityRow,
  key: string,
  metric: Metric,
  range: MetricRange | undefined,
): RowCell {
  let worst = -1;
  let value = Number.NaN;
  let other: { state: 'kept' | 'failed' | 'unknown'; tensor: number } = {
    state: 'unknown',
    tensor: tensors[0]!,
  };
  for (const tensor of tensors) {
    const state = cells.stateOf(key, tensor);
    if (state === 'quantized') {
      const own = cells.figure(key, tensor, metric.id);
      if (worst < 0 || isWorse(metric, own, value)) [worst, value] = [tensor, own];
    } else if (state === 'failed' || (state === 'kept' && other.state === 'unknown'))
      other = { state, tensor };
  }
  if (worst < 0) return { ...other, value: Number.NaN, place: Number.NaN };
  return { state: 'quantized', tensor: worst, value, place: placeOf(metric, range, value) };
}

/** A cell in a sentence, with how sure it is. */
export function cellSentence(
  cell: KnownCell | undefined,
  { what, scheme, metric }: { readonly what: string; readonly scheme: string; readonly metric: Metric },
): string {
  if (!cell) return `${what}, ${scheme}: not compared yet`;
  if (cell.state === 'kept') return `${what}, ${scheme}: ${cell.note ?? 'kept'}`;
  if (cell.state === 'failed') return `${what}, ${scheme}: cannot be quantized so. ${cell.note ?? ''}`;
  const { label } = metric;
  const figure = `${label.replace(/, (dB|bits)$/, '')} ${metric.format(cell[metric.id])}`;
  return `${what}, ${scheme}: ${figure}, ${formatBits(cell.bitsPerWeight)} bits a weight, ${confidence(cell)}`;
}

/** "exact", or what was sampled and within which bounds the SQNR lies 95 times of 100. */
export function confidence({ sampled }: KnownCell): string {
  if (!sampled) return 'exact';
  const { values, of, low, high } = sampled;
  const share = `sampled, ${formatInteger(values)} of ${formatInteger(of)} values`;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return share;
  return `${share}, SQNR within ${low.toFixed(1)} to ${high.toFixed(1)} dB at 95 %`.replaceAll('-', '−');
}
