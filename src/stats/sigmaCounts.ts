/** How many values lie beyond some standard deviations of the mean, from the counts of 16-bit patterns. */
import { meanAndStd } from './moments';
import type { CountedStats } from './partialStats';
import { forEachPattern, isExactKind, patternCell, patternValue } from './patterns';

/** What the counts follow from. */
export type CountedPatterns = Pick<CountedStats, 'histogram' | 'kind' | 'min' | 'max' | 'moments'>;

export interface CountBeyond {
  readonly sigma: number;
  /** Values with |x - mean| > sigma std. */
  readonly count: number;
  /** False when the border goes through a pattern that stands for several values: these are then taken as evenly spread. */
  readonly isExact: boolean;
}

/**
 * Values beyond `sigma` population standard deviations. Exact for 16-bit and smaller types; for others off by no more
 * than the values of the one or two patterns that the borders cut.
 */
export function countBeyond(stats: CountedPatterns, sigma: number): CountBeyond {
  const { mean, std } = meanAndStd(stats.moments);
  const distance = sigma * std;
  let [count, isExact] = [0, true];
  forEachPattern(stats.histogram, stats.kind, (pattern, values) => {
    const value = patternValue(pattern, stats.kind);
    const cell = isExactKind(stats.kind) ? { low: value, high: value } : patternCell(pattern, stats.kind);
    const low = Math.max(cell.low, stats.min) - mean;
    const high = Math.min(cell.high, stats.max) - mean;
    const nearest = low <= 0 && high >= 0 ? 0 : Math.min(Math.abs(low), Math.abs(high));
    const farthest = Math.max(Math.abs(low), Math.abs(high));
    if (nearest > distance) count += values;
    else if (farthest > distance) {
      isExact = false;
      const beyond = Math.max(0, -distance - low) + Math.max(0, high - distance);
      count += (values * beyond) / (high - low);
    }
  });
  return { sigma, count: Math.round(count), isExact };
}
