/** How large a value is among all values of a tensor: the distribution of |x| as a function one can look things up in. */
import type { DisplayHistogram } from '../../src/protocol/engineApi';

/** Each range of the nested histograms is this many times narrower than the one around it. */
export const nesting = 16;
/** Ranges that are asked for: the innermost reaches 1/4096 of the largest magnitude. */
export const nestedRanges = 4;
/** Bins of each: whole bins lie on both sides of every narrower range. */
export const nestedBins = 512;

export class MagnitudeRanks {
  /** Ascending upper ends of |x|, and the share of values up to each. */
  private constructor(
    private readonly ends: Float64Array,
    private readonly shares: Float64Array,
  ) {}

  /**
   * From histograms over ranges that lie within each other, widest first: where a narrower one reaches, it is
   * believed. undefined when they hold no value.
   */
  static from(histograms: readonly DisplayHistogram[]): MagnitudeRanks | undefined {
    const bins: { end: number; count: number }[] = [];
    for (const [at, { min, max, counts }] of histograms.entries()) {
      const inner = histograms[at + 1];
      const width = (max - min) / counts.length;
      for (let i = 0; i < counts.length; i++) {
        if (counts[i] === 0) continue;
        const from = min + i * width;
        const middle = from + width / 2;
        if (inner && middle > inner.min && middle < inner.max) continue;
        bins.push({ end: Math.max(Math.abs(from), Math.abs(from + width)), count: counts[i]! });
      }
    }
    if (bins.length === 0) return undefined;
    bins.sort((one, other) => one.end - other.end);
    let total = 0;
    for (const { count } of bins) total += count;
    const ends: number[] = [];
    const shares: number[] = [];
    let sum = 0;
    for (const { end, count } of bins) {
      sum += count;
      // A bin of negative values and its counterpart end at the same magnitude, up to rounding.
      const isSame = ends.length > 0 && end - ends.at(-1)! <= end * 1e-9;
      if (!isSame) ends.push(end);
      shares[ends.length - 1] = sum / total;
    }
    return new MagnitudeRanks(Float64Array.from(ends), Float64Array.from(shares));
  }

  /** Share of the values whose magnitude is at most this one, 0..1. */
  rank(magnitude: number): number {
    const { ends, shares } = this;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! < magnitude) low = middle + 1;
      else high = middle;
    }
    if (low === ends.length) return 1;
    const from = low === 0 ? 0 : ends[low - 1]!;
    const before = low === 0 ? 0 : shares[low - 1]!;
    const part = ends[low]! > from ? (magnitude - from) / (ends[low]! - from) : 1;
    return before + (shares[low]! - before) * Math.max(0, part);
  }

  /** The magnitude that a share of the values does not exceed. */
  magnitudeAt(share: number): number {
    const { ends, shares } = this;
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (shares[middle]! < share) low = middle + 1;
      else high = middle;
    }
    const from = low === 0 ? 0 : ends[low - 1]!;
    const before = low === 0 ? 0 : shares[low - 1]!;
    const part = shares[low]! > before ? (share - before) / (shares[low]! - before) : 1;
    return from + (ends[low]! - from) * Math.min(1, Math.max(0, part));
  }
}
