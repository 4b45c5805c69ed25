/** Figures that follow from the counts of 16-bit patterns alone. */
import type { CountedStats } from './partialStats';
import { finiteCounts, forEachCount, type PatternCounts } from './patterns';

/** Shannon entropy of the patterns in bits, between 0 (one pattern) and 16 (all equally often); 0 when nothing was counted. */
export function patternEntropy(histogram: PatternCounts): number {
  let [total, weighted] = [0, 0];
  forEachCount(histogram, (_, count) => {
    total += count;
    weighted += count * Math.log2(count);
  });
  // -sum p log2 p with p = count / total; rounding must not make it negative.
  return total === 0 ? 0 : Math.max(0, Math.log2(total) - weighted / total);
}

/**
 * Values that are not zero and smaller in magnitude than `smallest`, a power of two that begins a pattern: all values
 * of a pattern then lie on one side of it. Exact for float32 and every type that it holds.
 */
export function denormalPatterns(
  { histogram, kind, zeros }: Pick<CountedStats, 'histogram' | 'kind' | 'zeros'>,
  smallest: number,
): number {
  if (smallest === 0) return 0;
  const { length, values, counts } = finiteCounts(histogram, kind);
  let below = 0;
  for (let i = 0; i < length; i++) if (Math.abs(values[i]!) < smallest) below += counts[i]!;
  return below - zeros;
}
