import type { CountedStats } from './partialStats';
import { finiteCounts, patternCell } from './patterns';
import type { DisplayHistogram } from './types';

/** Bins of the histogram that is drawn. */
export const displayBins = 96;

/**
 * Resamples the 65,536 bins to equal bins over `range`, by default min..max of the values. The counts of a
 * pattern are spread evenly over the numbers it covers, so that the coarse steps of 16-bit types draw no
 * comb; the sum stays the number of finite values that lie in the range. A range of one point is widened.
 * null when there is no finite value.
 */
export function displayHistogram(
  stats: Pick<CountedStats, 'histogram' | 'kind' | 'min' | 'max'>,
  range: { readonly min: number; readonly max: number } = stats,
  bins: number = displayBins,
): DisplayHistogram | null {
  if (!(stats.min <= stats.max) || !(range.min <= range.max)) return null;
  const { min, max } = widened(range.min, range.max);
  const counts = new Float64Array(bins);
  // The width of float64's whole range is no number, and one bin of its smallest numbers has no reciprocal.
  const share = max - min < Number.POSITIVE_INFINITY ? 1 : 0.5;
  const width = share * max - share * min;
  const position = (value: number) =>
    Math.min(Math.max(((share * value - share * min) / width) * bins, 0), bins);
  const finite = finiteCounts(stats.histogram, stats.kind);
  for (let i = 0; i < finite.length; i++) {
    const cell = patternCell(finite.patterns[i]!, stats.kind);
    // No value of the cell lies beyond the extremes, so neither do its counts.
    const low = Math.max(cell.low, stats.min);
    const high = Math.min(cell.high, stats.max);
    if (high < min || low > max) continue;
    spread(counts, position(low), position(high), finite.counts[i]! * insideShare(low, high, min, max));
  }
  return { min, max, counts };
}

function insideShare(low: number, high: number, min: number, max: number): number {
  return high > low ? (Math.min(high, max) - Math.max(low, min)) / (high - low) : 1;
}

/** Adds `count` evenly to the bins between two positions on the axis of bins. */
function spread(counts: Float64Array, from: number, to: number, count: number): void {
  const last = counts.length - 1;
  const first = Math.min(Math.floor(from), last);
  const end = Math.min(Math.floor(to), last);
  if (first === end) {
    counts[first]! += count;
    return;
  }
  const density = count / (to - from);
  for (let bin = first; bin <= end; bin++) {
    counts[bin]! += density * (Math.min(to, bin + 1) - Math.max(from, bin));
  }
}

/** A range that has a width, so that its bins have one. */
function widened(min: number, max: number): { min: number; max: number } {
  if (max > min) return { min, max };
  const margin = min === 0 ? 0.5 : Math.max(Math.abs(min) / 2, Number.MIN_VALUE);
  const largest = Number.MAX_VALUE;
  return { min: Math.max(min - margin, -largest), max: Math.min(max + margin, largest) };
}
