import {
  finiteCounts,
  type HistogramKind,
  isExactKind,
  type PatternCounts,
  patternCell,
  patternValue,
} from './patterns';

/**
 * Percentiles by linear interpolation at rank p / 100 * (n - 1) of the sorted values (numpy's default).
 * Exact for the exact kinds; for `f32` each sorted value is known to its bin, whose counts are taken as
 * evenly spread, so a value is off by at most 2^-7 of itself; for `f64` by at most 2^-4.
 *
 * @param ranks ascending shares p, in percent
 * @returns one number a rank; NaN when nothing was counted
 */
export function percentiles(
  histogram: PatternCounts,
  kind: HistogramKind,
  ranks: readonly number[],
  range: { readonly min: number; readonly max: number },
): number[] {
  const n = finiteCounts(histogram, kind).total;
  // Ascending, each once: ranks of a short tensor may lie between the same two values.
  const positions: number[] = [];
  const wanted = (position: number) => {
    if (positions.length === 0 || position > positions[positions.length - 1]!) positions.push(position);
  };
  for (const p of ranks) {
    const rank = (p / 100) * (n - 1);
    wanted(Math.floor(rank));
    wanted(Math.ceil(rank));
  }
  const found = sortedValues(histogram, kind, positions, range);
  const valueAt = (position: number) => found[positions.indexOf(position)] ?? Number.NaN;
  return ranks.map((p) => {
    const rank = (p / 100) * (n - 1);
    const low = Math.floor(rank);
    return between(valueAt(low), valueAt(Math.ceil(rank)), rank - low);
  });
}

/** `share` of the way from one value to another; their difference may be no number. */
function between(low: number, high: number, share: number): number {
  const difference = high - low;
  return difference < Number.POSITIVE_INFINITY ? low + difference * share : low * (1 - share) + high * share;
}

/** The values at ascending positions of the sorted tensor, each named once. */
function sortedValues(
  histogram: PatternCounts,
  kind: HistogramKind,
  positions: readonly number[],
  range: { readonly min: number; readonly max: number },
): number[] {
  const found: number[] = [];
  const { length, patterns, counts } = finiteCounts(histogram, kind);
  let before = 0;
  for (let i = 0; i < length && found.length < positions.length; i++) {
    const count = counts[i]!;
    while (found.length < positions.length && positions[found.length]! < before + count) {
      const share = (positions[found.length]! - before + 0.5) / count;
      found.push(valueWithin(patterns[i]!, kind, share, range));
    }
    before += count;
  }
  return found;
}

function valueWithin(
  pattern: number,
  kind: HistogramKind,
  share: number,
  range: { readonly min: number; readonly max: number },
): number {
  const value = patternValue(pattern, kind) + 0;
  if (isExactKind(kind)) return value;
  // Most values of the bin of 0 are 0.
  if (value === 0) return Math.min(Math.max(0, range.min), range.max);
  const cell = patternCell(pattern, kind);
  const low = Math.max(cell.low, range.min);
  const high = Math.min(cell.high, range.max);
  return low + (high - low) * share;
}
