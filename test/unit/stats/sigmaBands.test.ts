/** Counts beyond 3 and 6 sigma are the same whichever way they were had: in one pass, or in a second one. */
import { describe, expect, it } from 'vitest';
import { countBeyondReference } from '../../../src/kernels/reference/sums';
import { tailBandsReference } from '../../../src/kernels/reference/tails';
import { type SigmaThresholds, sigmaThresholds } from '../../../src/stats/finalizeStats';
import {
  type CountedStats,
  emptyPartialStats,
  mergeStats,
  type PartialStats,
} from '../../../src/stats/partialStats';
import { SegmentStats } from '../../../src/stats/segmentStats';
import { bandCapacity, bandsAround, SigmaBands } from '../../../src/stats/sigmaBands';
import { loadKernels, place } from '../kernels/loadKernels';
import { randomNormal, randomSource } from '../kernels/randomValues';

const kernels = loadKernels();
const n = 120_000;
const next = randomSource(8);
const normal = randomNormal(n, 4, 0.01);
const heavy = normal.map((v) => v * 20 ** (3 * next() * next()));

/** One pass in parts, guessing from `guess`; and what a second pass with the true thresholds gives. */
function bothWays(
  values: Float32Array | Float64Array,
  guess: Parameters<typeof bandsAround>[0],
  parts = 4,
  capacity?: number,
) {
  const bands = bandsAround(guess);
  const merged = bands && new SigmaBands(bands, capacity);
  let stats: PartialStats = emptyPartialStats('f32');
  const size = Math.ceil(values.length / parts);
  for (let start = 0; start < values.length; start += size) {
    kernels.reset();
    const part = values.subarray(start, start + size);
    const dtype = values instanceof Float64Array ? 'F64' : 'F32';
    const segment = new SegmentStats(kernels, { dtype, startElement: start, elements: part.length, bands });
    segment.add(place(kernels, part), part.length);
    stats = mergeStats(stats, segment.finish());
    merged?.merge(segment.finishBands(), stats);
  }
  const { mean, sigma3, sigma6 } = sigmaThresholds(stats)!;
  return { banded: merged?.counts(stats), wanted: countBeyondReference(values, mean, sigma3, sigma6), stats };
}

/** What a sample of the first values suggests. */
function guessFrom(values: ArrayLike<number>, count = 4000): SigmaThresholds {
  const sample = Array.from({ length: Math.min(count, values.length) }, (_, i) => values[i]!);
  const mean = sample.reduce((a, b) => a + b, 0) / sample.length;
  const std = Math.sqrt(sample.reduce((sum, v) => sum + (v - mean) ** 2, 0) / sample.length);
  return { mean, sigma3: 3 * std, sigma6: 6 * std };
}

describe('a guess that is near', () => {
  it.each([
    ['normal', normal],
    ['normal float64', Float64Array.from(normal)],
    ['with six-sigma values', normal.map((v, i) => (i % 3001 === 0 ? 6.05 * Math.sign(v) : v))],
    ['with an offset', normal.map((v) => v + 100)],
    [
      'with NaN and infinities',
      normal.map((v, i) => (i % 50 === 0 ? [Number.NaN, Infinity, -Infinity][i % 3]! : v)),
    ],
  ])('%s', (_, values) => {
    const finite = values.filter((value) => Number.isFinite(value));
    const { banded, wanted } = bothWays(values, guessFrom(finite));
    expect(banded).toEqual(wanted);
    expect(wanted.sigma3).toBeGreaterThan(100);
  });

  it('does not depend on the parts', () => {
    const guess = guessFrom(normal);
    for (const parts of [1, 3, 50]) {
      const { banded, wanted } = bothWays(normal, guess, parts);
      expect(banded).toEqual(wanted);
    }
  });

  it('holds values exactly on a border', () => {
    // A mean of 0 and a standard deviation of 1, so that 3 and 6 are the borders themselves: equal is not beyond.
    const filler = Math.sqrt((10_000 - 2 * 9 - 2 * 36) / 9996);
    const values = Float64Array.from({ length: 9996 }, (_, i) => (i % 2 === 0 ? filler : -filler));
    const all = Float64Array.of(...values, 3, -3, 6, -6);
    const { banded, wanted } = bothWays(all, { mean: 0, sigma3: 3, sigma6: 6 });
    expect(banded).toEqual(wanted);
  });
});

describe('a guess that is wrong', () => {
  it('is found out', () => {
    const guess = guessFrom(normal);
    for (const factor of [0.5, 0.94, 1.07, 3, 1e6]) {
      const wrong = { mean: guess.mean, sigma3: guess.sigma3 * factor, sigma6: guess.sigma6 * factor };
      const { banded, wanted } = bothWays(normal, wrong);
      expect(banded === undefined || banded.sigma3 === wanted.sigma3).toBe(true);
      expect(banded).toBeUndefined();
    }
    expect(bothWays(normal, { ...guess, mean: guess.mean + 0.3 }).banded).toBeUndefined();
    expect(bothWays(heavy, guessFrom(heavy.slice().sort())).banded).toBeUndefined();
  });

  it('by a tenth is near enough where the rings are wide', () => {
    const { mean, sigma3, sigma6 } = guessFrom(normal, n);
    const off = { mean, sigma3: 1.1 * sigma3, sigma6: 1.1 * sigma6 };
    expect(bothWays(normal, off).banded).toBeUndefined();
    const { banded, wanted } = bothWays(normal, { ...off, isRough: true });
    expect(banded).toEqual(wanted);
    expect(wanted.sigma3).toBeGreaterThan(100);
  });

  it('is none where the sample has no spread', () => {
    expect(bandsAround({ mean: 1, sigma3: 0, sigma6: 0 })).toBeUndefined();
    expect(bandsAround({ mean: Number.NaN, sigma3: Number.NaN, sigma6: Number.NaN })).toBeUndefined();
    expect(bandsAround(undefined)).toBeUndefined();
  });
});

describe('many values near a border', () => {
  it('narrow the rings, and counts stay exact', () => {
    const guess = guessFrom(normal, n);
    const near = (values: Float32Array, more: SigmaThresholds, capacity: number) =>
      bothWays(values, more, 30, capacity);
    for (const capacity of [400, 200, 100]) {
      const { banded, wanted } = near(normal, guess, capacity);
      expect(banded).toEqual(wanted);
    }
    // Too many to keep even in the narrowest ring.
    expect(near(normal, guess, 1).banded).toBeUndefined();
  });

  it('beyond what one part can keep give no counts', () => {
    const values = Float32Array.from(
      { length: bandCapacity * 12 },
      (_, i) => (i % 11 === 0 ? 3 : 0.1) * (i % 2 ? 1 : -1),
    );
    const guess = guessFrom(values, values.length);
    const spread = values.map((v) => (Math.abs(v) > 1 ? Math.sign(v) * guess.sigma3 : v));
    expect(bothWays(spread, guess, 1).banded).toBeUndefined();
  });

  it('one part is sorted as the plain reference sorts it', () => {
    const bands = bandsAround(guessFrom(heavy))!;
    kernels.reset();
    const segment = new SegmentStats(kernels, { dtype: 'F32', startElement: 0, elements: n, bands });
    segment.add(place(kernels, heavy), n);
    expect(segment.finishBands()).toEqual(tailBandsReference(heavy, bands));
    const whole: CountedStats = segment.finish();
    const rings = new SigmaBands(bands);
    rings.merge(undefined, whole);
    expect(rings.counts(whole)).toBeUndefined();
  });
});
