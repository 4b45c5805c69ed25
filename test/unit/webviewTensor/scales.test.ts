import { describe, expect, it } from 'vitest';
import { sequentialMap, signedMap } from '../../../webview-ui/draw/colorMaps';
import { valueScale } from '../../../webview-ui/draw/valueScale';
import { MagnitudeRanks, nestedBins, nestedRanges, nesting } from '../../../webview-ui/state/magnitudeRanks';
import { valueRange } from '../../../webview-ui/state/valueRange';

const signed = signedMap([30, 30, 30]);
const sequential = sequentialMap('viridis');

/** Values whose ranks are known by sorting them. */
function heavyTailed(count: number): Float32Array {
  let seed = 7;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => (random() < 0.5 ? -1 : 1) * 0.001 * (1 / random() - 1));
}

function histogramOf(values: Float32Array, end: number) {
  const counts = new Float64Array(nestedBins);
  for (const value of values)
    if (Math.abs(value) <= end)
      counts[Math.min(nestedBins - 1, Math.floor(((value + end) / (2 * end)) * nestedBins))]!++;
  return { min: -end, max: end, counts };
}

describe('ranks of magnitudes', () => {
  const values = heavyTailed(20_000);
  const sorted = Array.from(values, Math.abs).sort((a, b) => a - b);
  const absmax = sorted.at(-1)!;
  const ranks = MagnitudeRanks.from(
    Array.from({ length: nestedRanges }, (_, at) => histogramOf(values, absmax / nesting ** at)),
  )!;

  it('agree with sorting, over four powers of ten', () => {
    for (const share of [0.05, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999]) {
      const magnitude = sorted[Math.floor(share * sorted.length)]!;
      // A bin of the range that holds the value is the most that they may be off.
      if (magnitude > absmax / nesting ** nestedRanges) expect(ranks.rank(magnitude)).toBeCloseTo(share, 1);
      expect(ranks.rank(ranks.magnitudeAt(share))).toBeCloseTo(share, 6);
    }
    expect(ranks.rank(absmax)).toBe(1);
    expect(ranks.rank(absmax * 2)).toBe(1);
    expect(ranks.rank(0)).toBe(0);
  });

  it('never fall as magnitudes grow', () => {
    let last = 0;
    for (const magnitude of sorted) {
      const rank = ranks.rank(magnitude);
      expect(rank).toBeGreaterThanOrEqual(last - 1e-12);
      last = rank;
    }
  });

  it('are not made up where there are no values', () => {
    expect(MagnitudeRanks.from([])).toBeUndefined();
    expect(MagnitudeRanks.from([{ min: 0, max: 1, counts: new Float64Array(4) }])).toBeUndefined();
  });
});

describe('value scales', () => {
  const ranks = MagnitudeRanks.from([{ min: -1, max: 1, counts: Float64Array.from([1, 3, 3, 1]) }]);
  const kinds = ['linear', 'symlog', 'quantile'] as const;

  it.each(kinds)('%s keeps zero in the middle of a signed map, and sides apart', (kind) => {
    const scale = valueScale({ kind, map: signed, min: -1, max: 1, ranks });
    expect(scale.kind).toBe(kind);
    expect(scale.position(0)).toBe(0.5);
    for (const value of [0.001, 0.1, 0.6, 1]) {
      expect(scale.position(value)).toBeGreaterThan(0.5);
      expect(scale.position(-value)).toBeCloseTo(1 - scale.position(value), 12);
    }
    expect(scale.position(1)).toBe(1);
    expect(scale.position(-7)).toBe(0);
  });

  it.each(kinds)('%s prints the value that has the place', (kind) => {
    for (const [map, min] of [
      [signed, -1],
      [sequential, 0],
    ] as const) {
      const scale = valueScale({ kind, map, min, max: 1, ranks });
      for (const place of [0, 0.25, 0.5, 0.75, 1])
        expect(scale.position(scale.valueAt(place))).toBeCloseTo(place, 9);
    }
  });

  it.each(kinds)('%s has no place for NaN, and the ends for infinities', (kind) => {
    const scale = valueScale({ kind, map: signed, min: -1, max: 1, ranks });
    expect(scale.position(Number.NaN)).toBeNaN();
    expect(scale.position(Number.POSITIVE_INFINITY)).toBe(1);
    expect(scale.position(Number.NEGATIVE_INFINITY)).toBe(0);
  });

  it('shows by symmetric log what is a thousandth of the range', () => {
    const scale = valueScale({ kind: 'symlog', map: sequential, min: 0, max: 1, ranks: undefined });
    expect(scale.position(0.001)).toBeCloseTo(Math.log(2) / Math.log(1001), 12);
  });

  it('is linear where ranks are not known, and has a width where the range has none', () => {
    expect(valueScale({ kind: 'quantile', map: sequential, min: 0, max: 1, ranks: undefined }).kind).toBe(
      'linear',
    );
    expect(
      valueScale({ kind: 'linear', map: sequential, min: 3, max: 3, ranks: undefined }).position(3),
    ).toBe(0.5);
  });
});

describe('the range of the colours', () => {
  const percentiles = { '0.1': -0.2, '1': -0.1, '50': 0, '99': 0.1, '99.9': 0.15 };
  const request = {
    mode: 'auto' as const,
    cells: 'extreme' as const,
    stats: { absmax: 5, percentiles },
    ranks: undefined,
    percent: 99,
    typed: undefined,
    shown: () => Float32Array.from([0, 0.01, 0.02, 0.03]),
  };

  it('leaves out far outliers by itself, and says so', () => {
    expect(valueRange(request)).toEqual({ min: -0.2, max: 0.2, isCut: true });
    expect(valueRange({ ...request, stats: { absmax: 0.25, percentiles } })).toEqual({
      min: -0.25,
      max: 0.25,
      isCut: false,
    });
  });

  it('gives a third of itself to middling cells, by steps of a quarter', () => {
    const shown = () => Float32Array.from([0.2, 0.4, 0.5, 3]);
    const { max } = valueRange({ ...request, shown })!;
    expect(max).toBeGreaterThanOrEqual(1.5);
    expect(max).toBeLessThanOrEqual(1.5 * 1.25);
    const nearby = () => Float32Array.from([0.2, 0.4, max / 3 - 1e-3, 3]);
    expect(valueRange({ ...request, shown: nearby })!.max).toBe(max);
  });

  it('is what was asked for', () => {
    expect(valueRange({ ...request, mode: 'whole', cells: 'magnitude' })).toEqual({
      min: 0,
      max: 5,
      isCut: false,
    });
    expect(valueRange({ ...request, mode: 'view', cells: 'rms' })).toEqual({
      min: 0,
      max: Math.fround(0.03),
      isCut: true,
    });
    expect(valueRange({ ...request, mode: 'typed', typed: { min: 1, max: 2 } })).toEqual({
      min: 1,
      max: 2,
      isCut: true,
    });
    const ranks = { magnitudeAt: (share: number) => share * 4 };
    expect(valueRange({ ...request, mode: 'percentile', ranks })!.max).toBeCloseTo(3.96, 12);
  });

  it('waits for something to be known', () => {
    expect(valueRange({ ...request, stats: undefined, shown: () => new Float32Array(0) })).toBeUndefined();
    expect(valueRange({ ...request, stats: undefined })!.max).toBe(Math.fround(0.03));
  });
});
