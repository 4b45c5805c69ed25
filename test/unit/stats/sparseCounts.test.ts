import { describe, expect, it } from 'vitest';
import { displayHistogram } from '../../../src/stats/displayHistogram';
import { statsOfPatterns } from '../../../src/stats/exactMoments';
import {
  forEachPattern,
  type HistogramKind,
  mergeCounts,
  noCounts,
  patternBins,
  sparseCounts,
} from '../../../src/stats/patterns';
import { percentiles } from '../../../src/stats/percentiles';

/** Signed zeros, the smallest and largest numbers, infinities, NaNs of both signs, and some between. */
const patterns = [
  0, 1, 0x7bff, 0x7c00, 0x7c01, 0x7f7f, 0x7f80, 0x7fff, 0x8000, 0x8001, 0xbc00, 0xfbff, 0xfc00, 0xff7f,
  0xff80, 0xffff, 0x3c00, 0x3c01, 0x4000,
];

describe('the patterns that occur', () => {
  const histogram = new Uint32Array(patternBins);
  for (const [i, pattern] of patterns.entries()) histogram[pattern] = 1 + i * i;
  const dense = Float64Array.from(histogram);
  const met = Uint16Array.from([...patterns, ...patterns].reverse());

  for (const [name, sparse] of [
    ['found in the bins', sparseCounts(histogram)],
    ['given by the values', sparseCounts(histogram, met)],
  ] as const) {
    for (const kind of ['f16', 'bf16', 'int', 'f32'] as HistogramKind[]) {
      it(`${name} give what all bins give: ${kind}`, () => {
        const visits = (counts: typeof dense | typeof sparse) => {
          const seen: number[][] = [];
          forEachPattern(counts, kind, (pattern, count) => seen.push([pattern, count]));
          return seen;
        };
        expect(visits(dense).length).toBeGreaterThan(8);
        expect(visits(sparse)).toEqual(visits(dense));
        const { histogram: _, ...stats } = statsOfPatterns(dense, kind);
        const { histogram: __, ...sparseStats } = statsOfPatterns(sparse, kind);
        expect(sparseStats).toEqual(stats);
        const ranks = [0.1, 1, 50, 99, 99.9];
        expect(percentiles(sparse, kind, ranks, stats)).toEqual(percentiles(dense, kind, ranks, stats));
        expect(displayHistogram({ ...stats, histogram: sparse })).toEqual(
          displayHistogram({ ...stats, histogram: dense }),
        );
      });
    }
  }

  it('are none of an empty histogram', () => {
    expect(sparseCounts(new Uint32Array(patternBins)).patterns).toHaveLength(0);
  });
});

describe('counts of two sets of values', () => {
  it('are added, whichever patterns they share', () => {
    const dense = [1, 2, 3].map((seed) => {
      const histogram = new Uint32Array(patternBins);
      for (let i = 0; i < 500; i++) histogram[(i * 7919 * seed) % patternBins]!++;
      return histogram;
    });
    const [a, b, c] = dense as [Uint32Array, Uint32Array, Uint32Array];
    const sum = Uint32Array.from(a, (count, i) => count + b[i]! + c[i]!);
    const merged = mergeCounts(mergeCounts(sparseCounts(a), sparseCounts(b)), Float64Array.from(c));
    expect(merged).toEqual(sparseCounts(sum));
    expect(mergeCounts(noCounts, merged)).toEqual(merged);
    expect(mergeCounts(merged, noCounts)).toEqual(merged);
    expect(mergeCounts(noCounts, merged).counts.buffer).not.toBe(merged.counts.buffer);
  });
});
