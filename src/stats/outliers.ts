import { f32FromBits } from '../numeric/floats';
import type { AxisStats } from './types';

/**
 * How many times the median of its axis a channel's largest magnitude must exceed to be an outlier.
 *
 * Chosen on the demo models: without planted channels the farthest natural one, an embedding row, is at
 * 6.3 times the median and the farthest of a projection at 4.7; of the channels enlarged 16 to 128 times the
 * nearest is at 10.2. 8 lies in the middle of that gap, on the logarithmic scale that ratios need. Columns
 * that were enlarged only 4 times end at 2.0 to 6.1, among natural ones, and no factor can tell them apart.
 */
export const outlierFactor = 8;

const largestFloat32 = 3.4028234663852886e38;

/** Sums over the channels of one axis. */
export interface AxisSums {
  readonly absmax: Float32Array;
  /** Sums of squares of the finite values. */
  readonly sumSq: Float64Array;
  /** How many values of each channel are NaN or infinite; undefined: none. */
  readonly nonFinite?: Float64Array | undefined;
  /** Values of one channel, the others among them. */
  readonly length: number;
}

/** Marks the channels of one axis whose largest magnitude is beyond `factor` times the axis' median. */
export function axisStats({ absmax, sumSq, nonFinite, length }: AxisSums, factor: number): AxisStats {
  const median = medianOf(absmax);
  const rms = new Float32Array(absmax.length);
  const outliers: number[] = [];
  let [inside, total] = [0, 0];
  for (let i = 0; i < absmax.length; i++) {
    const count = length - (nonFinite?.[i] ?? 0);
    rms[i] = count > 0 ? Math.min(Math.sqrt(sumSq[i]! / count), largestFloat32) : 0;
    total += sumSq[i]!;
    // An axis that is mostly zeros has no usual magnitude to compare with.
    if (median > 0 && absmax[i]! > factor * median) {
      outliers.push(i);
      inside += sumSq[i]!;
    }
  }
  return { absmax, rms, outliers, outlierEnergy: total > 0 ? inside / total : 0, median };
}

/**
 * Magnitude from which LLM.int8() takes a column out of the quantized product (Dettmers et al. 2022, arXiv 2208.07339,
 * section 3.2, alpha = 6.0; its rule is for activations).
 */
export const int8Threshold = 6;

/** Indices of the channels that hold a value of at least `threshold`. */
export function reaching(absmax: Float32Array, threshold: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < absmax.length; i++) if (absmax[i]! >= threshold) found.push(i);
  return found;
}

/** Middle one of some magnitudes, or the mean of the two middle ones; 0 for none. */
export function medianOf(values: Float32Array): number {
  if (values.length === 0) return 0;
  // Patterns of numbers that are not negative sort as the numbers do. Adding 0 turns -0 into 0.
  const numbers = values.slice();
  for (let i = 0; i < numbers.length; i++) numbers[i]! += 0;
  const patterns = new Uint32Array(numbers.buffer);
  const middle = values.length >> 1;
  if (values.length < 512) {
    const sorted = new Float32Array(patterns.sort().buffer);
    return values.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }
  const upper = ranked(patterns, middle);
  if (values.length % 2 === 1) return f32FromBits(upper);
  return (f32FromBits(lowerNeighbour(patterns, upper, middle)) + f32FromBits(upper)) / 2;
}

/** Counts of one digit of the patterns: their upper 11 bits, the 11 below, the last 10. */
const digitCounts = new Uint32Array(2 ** 11);

/** The pattern that sorting would put at `rank`, found digit by digit without sorting. */
function ranked(patterns: Uint32Array, rank: number): number {
  let [found, known, left] = [0, 0, rank];
  for (const shift of [21, 10, 0]) {
    digitCounts.fill(0);
    for (let i = 0; i < patterns.length; i++) {
      const pattern = patterns[i]!;
      if (((pattern ^ found) & known) === 0) digitCounts[(pattern >>> shift) & 2047]!++;
    }
    // The last digit has a bit that the one before has too; it is known, so that the counts are of 1,024 at most.
    let digit = 0;
    while (left >= digitCounts[digit]!) left -= digitCounts[digit++]!;
    found = (found | (digit << shift)) >>> 0;
    known |= 2047 << shift;
  }
  return found;
}

/** The pattern that sorting would put before the one at `rank`, which is `upper`. */
function lowerNeighbour(patterns: Uint32Array, upper: number, rank: number): number {
  let [below, largest] = [0, 0];
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i]!;
    if (pattern >= upper) continue;
    below++;
    if (pattern > largest) largest = pattern;
  }
  return below === rank ? largest : upper;
}
