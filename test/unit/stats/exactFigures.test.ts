/** Figures of any values in any order of magnitude, cut anyhow, against exact arithmetic. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReference } from '../../../src/kernels/reference/decode';
import { f32BitsToBf16, f32BitsToF16, f32ToBits } from '../../../src/numeric/floats';
import { smallestNormal } from '../../../src/numeric/smallestNormal';
import { displayHistogram } from '../../../src/stats/displayHistogram';
import { countBeyond } from '../../../src/stats/sigmaCounts';
import { loadKernels } from '../kernels/loadKernels';
import { computeStats, type EncodedTensor, partialStats } from './computeStats';
import { exactlyBeyond, exactMeanAndStd, exactShape } from './exactSums';

const kernels = loadKernels();

const encoders: Readonly<Record<string, (values: Float64Array) => Uint8Array>> = {
  F64: (values) => new Uint8Array(values.slice().buffer),
  F32: (values) => new Uint8Array(Float32Array.from(values).buffer),
  BF16: (values) => new Uint8Array(Uint16Array.from(values, (v) => f32BitsToBf16(f32ToBits(v))).buffer),
  F16: (values) => new Uint8Array(Uint16Array.from(values, (v) => f32BitsToF16(f32ToBits(v))).buffer),
};

const share = fc.double({ min: -1, max: 1, noNaN: true });
const anyDouble = fc.double({ noDefaultInfinity: true, noNaN: true });
const oddities = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);

/** Families of values that sums, powers or bins of a fixed range lose. */
const families: Readonly<Record<string, fc.Arbitrary<number>>> = {
  ordinary: share,
  'a mean of 1e6 and a spread of 1e-6': share.map((v) => 1e6 + 1e-6 * v),
  'around 1e30': share.map((v) => 1e30 * (1 + 1e-3 * v)),
  'up to 1e38': share.map((v) => 3e38 * v),
  'denormals of float32': share.map((v) => v * 1e-39),
  'denormals of float64': share.map((v) => v * 1e-312),
  'up to 1e300': share.map((v) => 1e300 * v),
  'around 1e200 with a small spread': share.map((v) => 1e200 * (1 + 1e-9 * v)),
  'down to 1e-200': share.map((v) => 1e-200 * v),
  'one of a few': fc.constantFrom(0, -0, 0.1, 1e-320, 1e300, -1e30),
  'any at all': anyDouble,
  'no number': oddities,
};

function storedValues({ dtype, bytes, shape }: EncodedTensor): Float64Array {
  if (dtype === 'F64') return new Float64Array(bytes.slice().buffer);
  return Float64Array.from(decodeReference(dtype, bytes, shape[0]! * shape[1]!));
}

/** Sorted value at the rank of a percentile, by linear interpolation. */
function percentileOf(sorted: Float64Array, p: number): readonly [number, number] {
  const rank = (p / 100) * (sorted.length - 1);
  return [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!];
}

function check(tensor: EncodedTensor, splitting: Parameters<typeof computeStats>[2]): void {
  const values = storedValues(tensor);
  const got = computeStats(kernels, tensor, splitting);
  const finite = values.filter(Number.isFinite).sort();
  const count = (test: (value: number) => boolean) => values.filter(test).length;
  const isExact = tensor.dtype === 'BF16' || tensor.dtype === 'F16';
  expect(got).toMatchObject({
    count: values.length,
    nan: count(Number.isNaN),
    posInf: count((v) => v === Number.POSITIVE_INFINITY),
    negInf: count((v) => v === Number.NEGATIVE_INFINITY),
    zeros: count((v) => v === 0),
    denormals: count((v) => v !== 0 && Math.abs(v) < smallestNormal(tensor.dtype)),
  });
  if (finite.length === 0) {
    expect([got.min, got.mean, got.std, got.kurtosis, got.percentiles['50']]).toEqual(Array(5).fill(null));
    return;
  }
  const [min, max] = [finite[0]! + 0, finite.at(-1)! + 0];
  expect([got.min, got.max, got.absmax]).toEqual([min, max, Math.max(Math.abs(min), Math.abs(max))]);
  const placed = Array.from(values, (value, index) => ({ index, value: value + 0 }))
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index);
  expect(got.top).toEqual(placed.slice(0, 16));

  const exact = exactMeanAndStd(finite);
  // Below the normal numbers a result cannot keep more digits than it has.
  const last = Number.MIN_VALUE;
  expect(Math.abs(got.mean! - exact.mean)).toBeLessThanOrEqual(
    Math.max(1e-12 * Math.abs(exact.mean), 1.5e-13 * exact.std, last),
  );
  expect(Math.abs(got.std! - exact.std)).toBeLessThanOrEqual(Math.max(1e-12 * exact.std, last));
  expect(got.rms! / Math.hypot(exact.mean, exact.std) || 0).toBeCloseTo(got.rms === 0 ? 0 : 1, 9);
  const shape = exactShape(finite);
  if (shape && exact.std > 1e-300) {
    expect(Math.abs(got.skewness! - shape.skewness)).toBeLessThanOrEqual(
      1e-9 * (1 + Math.abs(shape.skewness)),
    );
    expect(Math.abs(got.kurtosis! - shape.kurtosis)).toBeLessThanOrEqual(
      1e-9 * (1 + Math.abs(shape.kurtosis)),
    );
  } else if (!shape) expect([got.skewness, got.kurtosis]).toEqual([null, null]);

  let before = min;
  for (const p of ['0.1', '1', '50', '99', '99.9'] as const) {
    const value = got.percentiles[p];
    const [low, high] = percentileOf(finite, Number(p));
    expect(value! >= before && value! <= max, `${p} in order`).toBe(true);
    before = value!;
    // Both sorted values are known to their bins: 2^-7 of themselves, of float64's to 2^-4, and to the first bin of either.
    const step = tensor.dtype === 'F64' ? 2 ** -4 : 2 ** -7;
    const least = tensor.dtype === 'F32' ? 2 ** -133 : 2 ** -1026;
    if (isExact) {
      const rank = (Number(p) / 100) * (finite.length - 1);
      const exactly = low + (high - low) * (rank - Math.floor(rank));
      expect(Math.abs(value! - exactly)).toBeLessThanOrEqual(2 ** -40 * Math.abs(exactly));
      continue;
    }
    const reach = Math.max(step * Math.abs(low), step * Math.abs(high), least);
    expect(value! >= low - reach && value! <= high + reach, `${p}: ${value} for ${low} to ${high}`).toBe(
      true,
    );
  }
  const drawn = got.histogram!;
  expect([...drawn.counts].reduce((sum, c) => sum + c, 0) / finite.length).toBeCloseTo(1, 9);
  expect([got.entropy! >= 0, got.entropy! <= Math.log2(values.length) + 1e-9]).toEqual([true, true]);

  // The mean is told as one number: a value as near to a border as that number's last digit may go either way.
  const near = (sigma: number) => {
    const border = sigma * exact.std;
    const doubt = 2 ** -51 * Math.max(Math.abs(min), Math.abs(max)) + 1e-9 * border;
    return exact.std < 1e-300 || finite.some((v) => Math.abs(Math.abs(v - exact.mean) - border) <= doubt);
  };
  if (max - min < Number.POSITIVE_INFINITY) {
    if (!near(3)) expect(got.outliers.sigma3).toBe(exactlyBeyond(finite, 3n));
    if (!near(6)) expect(got.outliers.sigma6).toBe(exactlyBeyond(finite, 6n));
  }
}

/** A family of which one value in ten may be of another, or no number. */
const mixed = (family: fc.Arbitrary<number>) =>
  fc.oneof(
    { arbitrary: family, weight: 30 },
    { arbitrary: anyDouble, weight: 1 },
    { arbitrary: oddities, weight: 2 },
  );

describe.each(Object.keys(encoders))('%s', (dtype) => {
  const property = (element: fc.Arbitrary<number>) =>
    fc.property(
      fc.constantFrom(1, 7),
      fc.array(element, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 100 }),
      (rows, row, segmentElements, runElements) => {
        const values = Float64Array.from(
          { length: rows * row.length },
          (_, i) => row[i % row.length]! / (1 + Math.floor(i / row.length)),
        );
        const tensor = { name: 't', dtype, shape: [rows, row.length], bytes: encoders[dtype]!(values) };
        check(tensor, {});
        check(tensor, { segmentElements, runElements });
      },
    );
  it.each(Object.entries(families))('%s', (_, family) =>
    fc.assert(property(family), { numRuns: 40, seed: 5 }),
  );
  it.each(Object.entries(families))('%s, with others and no numbers among them', (_, family) =>
    fc.assert(property(mixed(family)), { numRuns: 25, seed: 6 }),
  );
});

describe('F64 beyond float32', () => {
  const tensorOf = (values: readonly number[]): EncodedTensor => ({
    name: 't',
    dtype: 'F64',
    shape: [1, values.length],
    bytes: encoders.F64!(Float64Array.from(values)),
  });

  it('is binned the same however it is cut', () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i % 10 === 9 ? 1e-300 : 1) * (i - 500) ** 3);
    values[700] = -1e290;
    const whole = partialStats(kernels, tensorOf(values));
    expect(whole.kind).toBe('f64');
    for (const segmentElements of [1, 7, 690, 999]) {
      const cut = partialStats(kernels, tensorOf(values), { segmentElements, reversed: true });
      expect([cut.kind, cut.histogram]).toEqual(['f64', whole.histogram]);
    }
    expect(partialStats(kernels, tensorOf([0, 1, -(2 ** 127), 2 ** -126])).kind).toBe('f32');
  });

  it('has a histogram over its whole range, wider than any number', () => {
    const stats = partialStats(kernels, tensorOf([-1.7e308, 0, 1.7e308, 1.7e308]));
    const { counts } = displayHistogram(stats, stats, 3)!;
    expect(Array.from(counts, Math.round)).toEqual([1, 1, 2]);
    const tiny = partialStats(kernels, tensorOf([0, 5e-324, 1e-323]));
    expect([...displayHistogram(tiny, tiny, 2)!.counts].reduce((a, b) => a + b, 0)).toBeCloseTo(3, 9);
    expect(computeStats(kernels, tensorOf([5e-324])).histogram!.counts.reduce((a, b) => a + b, 0)).toBe(1);
  });

  it('is counted beyond any sigma', () => {
    const stats = partialStats(kernels, tensorOf([1e300, ...Array.from({ length: 99 }, (_, i) => i - 50)]));
    // One in a hundred lies at 9.95 standard deviations, see below.
    expect(countBeyond(stats, 9)).toEqual({ sigma: 9, count: 1, isExact: true });
    expect(countBeyond(stats, 10)).toEqual({ sigma: 10, count: 0, isExact: true });
    expect(countBeyond(stats, 0.05)).toMatchObject({ count: 100 });
  });

  it('tells channels as far as float32 goes', () => {
    const { channels, outlierChannels } = computeStats(kernels, {
      ...tensorOf([1e300, 1, 1, 1, 1, 1, 1, 1]),
      shape: [4, 2],
    });
    const largest = 2 ** 127 * (2 - 2 ** -23);
    expect([...channels!.rows.absmax]).toEqual([largest, 1, 1, 1]);
    expect([...channels!.rows.rms]).toEqual([largest, 1, 1, 1]);
    expect(channels!.rows.outliers).toEqual([0]);
    expect(outlierChannels!.rowEnergy).toBeCloseTo(1, 12);
  });
});

describe('exact arithmetic', () => {
  it('knows small cases', () => {
    // A coin: skewness 0 and kurtosis -2; of (0, 0, 0, 1) they are 2 / sqrt(3) and -2/3.
    expect(exactShape([1e300, -1e300])).toEqual({ skewness: 0, kurtosis: -2 });
    expect(exactShape([0, 0, 0, 1])!.skewness).toBeCloseTo(2 / Math.sqrt(3), 14);
    expect(exactShape([0, 0, 0, 5e-324])!.kurtosis).toBeCloseTo(-2 / 3, 14);
    expect(exactShape([7, 7])).toBeUndefined();
    const spike = [...Array<number>(99).fill(0), 1];
    // (1 - 1/100) / sqrt(0.0099) is 9.95.
    expect([exactlyBeyond(spike, 9n), exactlyBeyond(spike, 10n)]).toEqual([1, 0]);
  });
});
