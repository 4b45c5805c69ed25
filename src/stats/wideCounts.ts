/**
 * Counts by the upper 16 bits of float64, for tensors with values that float32 has no normal number for. Whatever the order in
 * which such values are met, the counts are the same: each pattern of a normal float32 lies within one of float64.
 */
import { type PatternCounts, patternBins, patternValue, type SparseCounts, sparsePatterns } from './patterns';

const [smallestNormal32, largest32] = [2 ** -126, 3.4028234663852886e38];
/** The pattern that all NaN of positive sign are counted under. */
const nanPattern = 0x7ff8;

/** Whether some value lies between 0 and float32's normal numbers, or between them and infinity. */
export function needsWideCounts(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude < smallestNormal32 ? magnitude !== 0 : magnitude > largest32 && magnitude < Infinity)
      return true;
  }
  return false;
}

/** Adds values to 65,536 bins of the kind `f64`. */
export function countWide(values: Float64Array, bins: Uint32Array): void {
  const halves = new Uint16Array(values.buffer, values.byteOffset, 4 * values.length);
  for (let i = 0; i < values.length; i++) {
    const upper = halves[4 * i + 3]!;
    bins[Number.isNaN(values[i]) ? (upper & 0x8000) | nanPattern : upper]!++;
  }
}

/** The pattern of the kind `f64` that holds one of the kind `f32`. */
function widePattern(pattern: number): number {
  const value = patternValue(pattern, 'f32');
  if (Number.isNaN(value)) return (pattern & 0x8000) | nanPattern;
  return new Uint16Array(Float64Array.of(value).buffer)[3]!;
}

/** Turns 65,536 bins of the kind `f32` into bins of the kind `f64` in their place. */
export function widenBins(bins: Uint32Array): void {
  const narrow = bins.slice();
  bins.fill(0);
  for (let pattern = 0; pattern < patternBins; pattern++)
    if (narrow[pattern] !== 0) bins[widePattern(pattern)]! += narrow[pattern]!;
}

/** Counts of the kind `f32` as those of the kind `f64`. */
export function widenCounts(histogram: PatternCounts): SparseCounts {
  const { patterns, counts } = sparsePatterns(histogram);
  const wide = new Uint16Array(patterns.length);
  const sums = new Float64Array(patterns.length);
  let found = 0;
  // Wide patterns ascend as narrow ones do, and those that share one follow each other.
  for (let i = 0; i < patterns.length; i++) {
    const pattern = widePattern(patterns[i]!);
    if (found === 0 || wide[found - 1] !== pattern) wide[found++] = pattern;
    sums[found - 1]! += counts[i]!;
  }
  return { patterns: wide.slice(0, found), counts: sums.slice(0, found) };
}
