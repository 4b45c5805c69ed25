import { finiteCounts, type HistogramKind, type PatternCounts, patternCell, patternValue } from './patterns';

/**
 * Percentiles by linear interpolation at rank p / 100 * (n - 1) of the sorted values (numpy's default).
 * Exact for the exact kinds; for `f32` each sorted value is known to its bin, whose counts are taken as
 * evenly spread, so a value is off by at most 2^-7 of itself.
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
  const wanted = ranks.flatMap((p) => {
    const rank = (p / 100) * (n - 1);
    return [Math.floor(rank), Math.ceil(rank)];
  });
  const found = sortedValues(histogram, kind, wanted, range);
  return ranks.map((p, i) => {
    const rank = (p / 100) * (n - 1);
    const low = found[2 * i] ?? Number.NaN;
    const high = found[2 * i + 1] ?? Number.NaN;
    return low + (high - low) * (rank - Math.floor(rank));
  });
}

/** The values at ascending positions of the sorted tensor. */
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
  if (kind !== 'f32' || value === 0) return value;
  const cell = patternCell(pattern, kind);
  const low = Math.max(cell.low, range.min);
  const high = Math.min(cell.high, range.max);
  return low + (high - low) * share;
}
