/** The kernels behind statistics in one walk, against plain references. */
import { describe, expect, it } from 'vitest';
import { channelsReference } from '../../../src/kernels/reference/channels';
import { histogramF32Reference } from '../../../src/kernels/reference/histogram';
import { momentsReference } from '../../../src/kernels/reference/sums';
import { largestReference, tailBandsReference } from '../../../src/kernels/reference/tails';
import { type Bands, foldablePatterns, ValueFolds } from '../../../src/kernels/valueFolds';
import { bf16ToNumber } from '../../../src/numeric/floats';
import { loadKernels, place } from './loadKernels';
import { awkwardValues, randomNormal, randomSource } from './randomValues';

const kernels = loadKernels();

/** Room for the channels of rows x columns, zeroed. */
function channelArrays(rows: number, columns: number) {
  const zeroed = (bytes: number) => {
    const pointer = kernels.alloc(bytes);
    kernels.u8(pointer, bytes).fill(0);
    return pointer;
  };
  return [zeroed(4 * rows), zeroed(4 * columns), zeroed(8 * rows), zeroed(8 * columns)] as const;
}

function zeroedBins(): number {
  const bins = kernels.alloc(65536 * 4);
  kernels.u32(bins, 65536).fill(0);
  return bins;
}

/** Runs of matrices of every kind of width, beginning anywhere in a row. */
const runs = [
  [0, 4, 1],
  [1, 1, 0],
  [3, 5, 2],
  [64, 8, 0],
  [65, 8, 3],
  [1000, 4, 0],
  [4096, 1024, 0],
  [5000, 1024, 1000],
  [3001, 1536, 7],
  [2048, 3000, 0],
  [7, 1, 0],
] as const;

describe.each(runs)('%i values in rows of %i from column %i', (n, columns, startColumn) => {
  const rows = Math.max(1, Math.ceil((startColumn + n) / columns));
  const values = awkwardValues(n, n + columns).map((v) => (Math.abs(v) > 1e30 ? 7 : v));

  it('power sums, counts and channels of float32', () => {
    kernels.reset();
    const [rowMax, columnMax, rowSumSq, columnSumSq] = channelArrays(rows, columns);
    const at = place(kernels, values, 4);
    const bins = zeroedBins();
    const run = [startColumn, columns, rowMax, columnMax, rowSumSq, columnSumSq] as const;
    const got = kernels.folds.foldFinite(at, n, run, bins);
    const want = momentsReference(values, 0);
    const magnitudes = momentsReference(values.map(Math.abs), 0);
    for (const key of ['s1', 's2', 's3', 's4'] as const)
      expect(Math.abs(got[key] - want[key]), key).toBeLessThanOrEqual(1e-13 * magnitudes[key]);
    expect(kernels.u32(bins, 65536)).toEqual(Uint32Array.from(histogramF32Reference(values)));
    expectChannels(values, kernels.f32(rowMax, rows), kernels.f32(columnMax, columns), rowSumSq, columnSumSq);
  });

  it('bands of float32 in the same walk', () => {
    for (const bands of [
      { center: 0, low3: 0.5, high3: 0.6, low6: 2, high6: 8 },
      { center: -0.1, low3: 0.9, high3: 1.1, low6: 1.9, high6: 2.1 },
      { center: 3, low3: 4, high3: 5, low6: 6, high6: 7 },
    ]) {
      kernels.reset();
      const run = [startColumn, columns, ...channelArrays(rows, columns)] as const;
      const statePtr = kernels.alloc(ValueFolds.bandBytes(2 * n));
      const listPtr = kernels.alloc(n);
      const guard = kernels.alloc(64);
      kernels.u8(guard, 64).fill(7);
      kernels.folds.beginBands(statePtr, bands, 2 * n);
      kernels.folds.foldFinite(place(kernels, values, 4), n, run, zeroedBins(), { statePtr, listPtr });
      const { kept, ...counts } = kernels.folds.endBands(statePtr);
      const { kept: wanted, ...wantedCounts } = tailBandsReference(values, bands);
      expect(counts).toEqual(wantedCounts);
      // In the order of the walk, not in that of the values.
      expect([...kept!].sort((a, b) => a - b)).toEqual([...wanted!].sort((a, b) => a - b));
      expect(kernels.u8(guard, 64).every((byte) => byte === 7)).toBe(true);
    }
  });

  it('far values of float32 that the walk listed', () => {
    const bands = { center: 0.001, low3: 0.5, high3: 0.6, low6: 2, high6: 8 };
    kernels.reset();
    const run = [startColumn, columns, ...channelArrays(rows, columns)] as const;
    const statePtr = kernels.alloc(ValueFolds.bandBytes(2 * n));
    const listPtr = kernels.alloc(n);
    kernels.folds.beginBands(statePtr, bands, 2 * n);
    const at = place(kernels, values, 4);
    const { far, largest } = kernels.folds.foldRun(at, n, run, zeroedBins(), { statePtr, listPtr });
    expect(largest).toBe(kernels.folds.largestMagnitude32(at, n));
    // Only rows of whole groups of four are listed.
    expect(far !== undefined).toBe(((startColumn | columns | n) & 3) === 0);
    if (!far) return;
    const room = kernels.alloc(4 * n);
    for (const threshold of [far.near, 1, 2.5].map(Math.fround)) {
      const wanted = [...values.keys()].filter((i) => Math.abs(values[i]!) > threshold);
      const got = kernels.folds.groupCandidates(far, threshold, room, n)!;
      expect([...got].map((pointer) => (pointer - at) / 4).sort((a, b) => a - b)).toEqual(wanted);
      if (wanted.length > 0)
        expect(kernels.folds.groupCandidates(far, threshold, room, wanted.length - 1)).toBeUndefined();
    }
    const { min, max } = kernels.folds.groupExtremes(far);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    if (least <= -far.near) expect(min).toBe(least);
    if (most >= far.near) expect(max).toBe(most);
  });

  it('tells of values that are not finite', () => {
    const places = n === 0 ? [] : [0, n >> 1, n - 1];
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const index of places) {
        kernels.reset();
        const some = values.slice();
        some[index] = odd;
        const run = [startColumn, columns, ...channelArrays(rows, columns)] as const;
        const bins = zeroedBins();
        const { largest } = kernels.folds.foldRun(place(kernels, some, 4), n, run, bins);
        expect(largest).toBeGreaterThanOrEqual(0x7f800000);
        const wanted = new Uint8Array(Uint32Array.from(histogramF32Reference(some)).buffer);
        expect(Buffer.compare(kernels.u8(bins, wanted.length), wanted)).toBe(0);
      }
    }
  });

  it('counts and channels of bfloat16 within float32’s squares', () => {
    kernels.reset();
    const [rowMax, columnMax, rowSumSq, columnSumSq] = channelArrays(rows, columns);
    const { smallest, largest } = foldablePatterns;
    const patterns = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).map(
      (pattern) => {
        const magnitude = pattern & 0x7fff;
        const isFoldable = magnitude === 0 || (magnitude >= smallest && magnitude <= largest);
        return isFoldable ? pattern : (pattern & 0x8000) | (magnitude < smallest ? smallest : largest);
      },
    );
    const bins = zeroedBins();
    const run = [startColumn, columns, rowMax, columnMax, rowSumSq, columnSumSq] as const;
    kernels.folds.foldPatterns(place(kernels, patterns, 2), n, run, bins);
    const counts = new Uint32Array(65536);
    for (const pattern of patterns) counts[pattern]!++;
    expect(kernels.u32(bins, 65536)).toEqual(counts);
    const wide = (pointer: number, count: number) =>
      Float32Array.from(kernels.u16(pointer, count), bf16ToNumber);
    expectChannels(
      Float32Array.from(patterns, bf16ToNumber),
      wide(rowMax, rows),
      wide(columnMax, columns),
      rowSumSq,
      columnSumSq,
      3e-7,
    );
  });

  it('extremes', () => {
    kernels.reset();
    const { folds } = kernels;
    const at = place(kernels, values, 4);
    const finite = [...values].map((value) => value + 0);
    expect(folds.extremes32(at, n)).toEqual({ min: Math.min(...finite), max: Math.max(...finite) });
    const bits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]! & 0x7fffffff;
    expect(folds.largestMagnitude32(at, n)).toBe(
      values.reduce((most, value) => Math.max(most, bits(value)), 0),
    );
    const patterns = Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
    const magnitudes = [...patterns].map((pattern) => pattern & 0x7fff);
    expect(folds.magnitudeRange16(place(kernels, patterns, 2), n)).toEqual({
      largest: Math.max(0, ...magnitudes),
      smallest: Math.min(0x10000, ...magnitudes.filter((magnitude) => magnitude > 0)),
    });
  });

  it('channels of bfloat16', () => {
    kernels.reset();
    const [rowMax, columnMax, rowSumSq, columnSumSq] = channelArrays(rows, columns);
    const patterns = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
    const at = place(kernels, patterns, 2);
    kernels.folds.channelsBF16(at, n, [startColumn, columns, rowMax, columnMax, rowSumSq, columnSumSq]);
    const wide = (pointer: number, count: number) =>
      Float32Array.from(kernels.u16(pointer, count), bf16ToNumber);
    const rounded = Float32Array.from(patterns, bf16ToNumber);
    expectChannels(rounded, wide(rowMax, rows), wide(columnMax, columns), rowSumSq, columnSumSq);
    expect(kernels.folds.largestMagnitude16(at, n)).toBe(
      patterns.reduce((largest, pattern) => Math.max(largest, pattern & 0x7fff), 0),
    );
  });

  function expectChannels(
    source: Float32Array,
    rowMax: Float32Array,
    columnMax: Float32Array,
    rowSumSq: number,
    columnSumSq: number,
    bound = 1e-13,
  ): void {
    const want = channelsReference(source, startColumn, columns);
    const touched = want.rowMax.length;
    expect(rowMax.subarray(0, touched)).toEqual(want.rowMax);
    expect(columnMax).toEqual(want.columnMax);
    const near = (got: Float64Array, expected: Float64Array) =>
      expected.every((sum, i) => Math.abs(got[i]! - sum) <= bound * sum);
    expect(near(kernels.f64(rowSumSq, touched), want.rowSumSq)).toBe(true);
    expect(near(kernels.f64(columnSumSq, columns), want.columnSumSq)).toBe(true);
  }
});

const specials = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];
const inputs = [0, 1, 15, 16, 17, 1000, 16384].flatMap((n) => {
  const next = randomSource(n);
  return [
    { name: `${n} normal`, values: randomNormal(n, n + 1, 0.3) },
    { name: `${n} few distinct`, values: randomNormal(n, n + 2).map(Math.round) },
    {
      name: `${n} with NaN, infinities and zeros`,
      values: randomNormal(n, n + 3).map((v) => (next() < 0.3 ? specials[Math.floor(next() * 5)]! : v)),
    },
  ];
});

describe.each(inputs)('$name', ({ values }) => {
  const n = values.length;

  it('candidates for the largest values', () => {
    for (const threshold of [-1, 0, 1, 2.5].map(Math.fround)) {
      kernels.reset();
      const room = kernels.alloc(4 * n);
      const got = [...kernels.folds.topCandidates(place(kernels, values, 4), n, threshold, room)];
      expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
      const wanted = largestReference(values, 16).filter(({ value }) => Math.abs(value) > threshold);
      expect(got).toEqual(expect.arrayContaining(wanted.map(({ index }) => index)));
      for (const i of got) {
        expect(Math.abs(values[i]!)).toBeGreaterThan(threshold);
        expect(Number.isFinite(values[i])).toBe(true);
      }
    }
  });

  it('zeros', () => {
    kernels.reset();
    expect(kernels.folds.countZeros(place(kernels, values, 4), n)).toBe(values.filter((v) => v === 0).length);
  });

  it('bands', () => {
    const rings: Bands[] = [
      { center: 0, low3: 0.9, high3: 1.1, low6: 1.9, high6: 2.1 },
      { center: 0.1, low3: 1, high3: 1, low6: 2, high6: 2 },
      { center: -1e-3, low3: 1e-30, high3: 2e-30, low6: 3e-30, high6: 0.5 },
      { center: 1e6, low3: 1e6 - 1, high3: 1e6, low6: 1e6 + 1, high6: 1e6 + 2 },
    ];
    for (const bands of rings) {
      kernels.reset();
      const state = kernels.alloc(ValueFolds.bandBytes(n));
      const want = tailBandsReference(values, bands);
      kernels.folds.beginBands(state, bands, n);
      kernels.folds.tailBands(place(kernels, values, 4), n, state);
      expect(kernels.folds.endBands(state)).toEqual(want);
      kernels.folds.beginBands(state, bands, n);
      kernels.folds.tailBands64(place(kernels, Float64Array.from(values)), n, state);
      expect(kernels.folds.endBands(state)).toEqual(want);
      if (want.kept!.length < 2) continue;
      kernels.folds.beginBands(state, bands, want.kept!.length - 1);
      kernels.folds.tailBands(place(kernels, values, 4), n, state);
      expect(kernels.folds.endBands(state)).toEqual({ ...want, kept: undefined });
    }
  });
});
