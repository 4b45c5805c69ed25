/** What a histogram plot draws and tells, without drawing it. */
import type { DisplayHistogram } from '../../src/protocol/engineApi';

export interface HistogramSeries {
  readonly label: string;
  readonly histogram: DisplayHistogram;
}

/** The dashed comparison: a normal distribution of the same mean, sigma and number of values. */
export interface NormalCurve {
  readonly mean: number;
  readonly std: number;
  readonly count: number;
}

/** Where a log axis of counts starts: one value still stands above it. */
export const logFloor = 0.5;

/** Lower edge of bin `index` (of the bin after the last: its upper edge). */
export function binEdge(histogram: DisplayHistogram, index: number): number {
  const { min, max, counts } = histogram;
  return index === counts.length ? max : min + ((max - min) * index) / counts.length;
}

/** The bin that holds a value: the last one ends with its upper edge, all others before it. null: outside. */
export function binAt(histogram: DisplayHistogram, value: number): number | null {
  const { min, max, counts } = histogram;
  if (!(value >= min && value <= max) || counts.length === 0) return null;
  const bin = Math.floor(((value - min) / (max - min || 1)) * counts.length);
  return Math.min(counts.length - 1, bin);
}

/** A value that is marked on the axis, such as a percentile. */
export interface ValueMark {
  readonly label: string;
  readonly value: number;
}

/** What one bin holds: its edges, its count, and what of `total` that is (0..1). */
export interface BinReading {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly share: number;
}

/** Reads one bin; `total` is how many values the tensor has, in the range shown or not. */
export function readBin(histogram: DisplayHistogram, bin: number, total: number): BinReading {
  const count = histogram.counts[bin] ?? 0;
  return {
    from: binEdge(histogram, bin),
    to: binEdge(histogram, bin + 1),
    count,
    share: total > 0 ? count / total : 0,
  };
}

/**
 * Bin edges and one value per edge for stepped lines; the last value repeats the last bin, to draw its
 * full width. On a log axis an empty bin is put below the axis, where it is cut off.
 */
export function stepped(
  histogram: DisplayHistogram,
  log: boolean,
): { readonly x: number[]; readonly y: number[] } {
  const bins = histogram.counts.length;
  const x: number[] = [];
  const y: number[] = [];
  for (let i = 0; i <= bins; i++) {
    x.push(binEdge(histogram, i));
    const count = histogram.counts[Math.min(i, bins - 1)] ?? 0;
    y.push(log && count === 0 ? logFloor / 2 : count);
  }
  return { x, y };
}

/**
 * Values that a normal distribution would put into a bin of `width` around x. Below half a value it
 * is null, so that the dashed line ends where nothing is to be expected.
 */
export function expectedCount(normal: NormalCurve, width: number, x: number): number | null {
  if (!(normal.std > 0)) return null;
  const z = (x - normal.mean) / normal.std;
  const expected = (normal.count * width * Math.exp(-0.5 * z * z)) / (normal.std * Math.sqrt(2 * Math.PI));
  return expected >= 0.5 ? expected : null;
}

/** One sentence for screen readers: range, tallest bin and number of values of each series. */
export function describeHistogram(
  series: readonly HistogramSeries[],
  format: (value: number) => string,
): string {
  return series
    .map(({ label, histogram }) => {
      const { counts } = histogram;
      let total = 0;
      let tallest = 0;
      let used = 0;
      for (let i = 0; i < counts.length; i++) {
        total += counts[i]!;
        if (counts[i]! > 0) used++;
        if (counts[i]! > counts[tallest]!) tallest = i;
      }
      if (total === 0) return `${label}: no values.`;
      const from = format(binEdge(histogram, tallest));
      const to = format(binEdge(histogram, tallest + 1));
      return `${label}: ${format(total)} values from ${format(histogram.min)} to ${format(histogram.max)}, in ${used} of ${counts.length} bins; most (${format(counts[tallest]!)}) between ${from} and ${to}.`;
    })
    .join(' ');
}
