/** Very large and very small values in a unit of their own: the plot labels axes of up to 16 digits and 32 places only. */
import type { HistogramContent } from './histogramContent';

/** Magnitudes between these are drawn as they are. */
const [least, most] = [1e-12, 1e12];

/** A power of ten near the largest magnitude of an axis; 1 for ordinary values. */
export function axisUnit(magnitude: number): number {
  if (!(magnitude > 0) || (magnitude >= least && magnitude <= most)) return 1;
  // No power of ten lies below the smallest numbers.
  return Math.max(10 ** Math.floor(Math.log10(magnitude)), Number.MIN_VALUE);
}

/** The unit of what a histogram shows. */
export function histogramUnit({ series, range }: Pick<HistogramContent, 'series' | 'range'>): number {
  const ends = (range ? [range] : series.map(({ histogram }) => histogram)).flatMap(({ min, max }) => [
    min,
    max,
  ]);
  return axisUnit(Math.max(...ends.map(Math.abs)));
}

/** The same content with values counted in `unit`; what is told of them, and what it calls back with, is as before. */
export function inUnit(content: HistogramContent, unit: number): HistogramContent {
  if (unit === 1) return content;
  const { normal, range, marks, format, onCursor, onSelect } = content;
  const scaled = <Ends extends { readonly min: number; readonly max: number }>(ends: Ends): Ends => ({
    ...ends,
    min: ends.min / unit,
    max: ends.max / unit,
  });
  return {
    ...content,
    series: content.series.map((one) => ({
      ...one,
      histogram: scaled(one.histogram),
    })) as unknown as HistogramContent['series'],
    normal: normal && { ...normal, mean: normal.mean / unit, std: normal.std / unit },
    range: range && scaled(range),
    marks: marks?.map((mark) => ({ ...mark, value: mark.value / unit })),
    format: (value) => format(value * unit),
    onCursor: onCursor && ((value) => onCursor(value === undefined ? undefined : value * unit)),
    onSelect: onSelect && (({ min, max }) => onSelect({ min: min * unit, max: max * unit })),
  };
}
