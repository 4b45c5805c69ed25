import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReference } from '../../../src/kernels/reference/decode';
import { displayHistogram } from '../../../src/stats/displayHistogram';
import { finalizeStats, sigmaCounts } from '../../../src/stats/finalizeStats';
import { matrixShape } from '../../../src/stats/matrixShape';
import { axisStats, medianOf } from '../../../src/stats/outliers';
import { emptyPartialStats } from '../../../src/stats/partialStats';
import { entropyReference, referenceStats } from '../../../src/stats/referenceStats';
import { loadKernels } from '../kernels/loadKernels';
import { randomBytes, randomNormal } from '../kernels/randomValues';
import { computeStats, type EncodedTensor, partialStats } from './computeStats';

const kernels = loadKernels();

function f32Tensor(values: Float32Array, shape: number[] = [values.length]): EncodedTensor {
  return { name: 't', dtype: 'F32', shape, bytes: new Uint8Array(values.buffer.slice(0)) };
}

function f64Tensor(values: number[], shape: number[] = [values.length]): EncodedTensor {
  return { name: 't', dtype: 'F64', shape, bytes: new Uint8Array(Float64Array.from(values).buffer) };
}

/** Long runs of zeros between values, and some of them negative. */
const halfZeros = () =>
  randomNormal(60_000, 8).map((value, i) => (i < 20_000 || i > 50_000 ? 0 : i < 30_000 ? -0 : value));

const upperHalves = (values: Float32Array) =>
  new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).buffer);

const wanted = (stats: ReturnType<typeof computeStats>) => ({
  ...stats,
  mean: undefined,
  std: undefined,
  kurtosis: undefined,
  skewness: undefined,
  rms: undefined,
  crest: undefined,
  channels: undefined,
  outlierChannels: undefined,
});

describe('a tensor cut anyhow', () => {
  const tensors: EncodedTensor[] = [
    f32Tensor(randomNormal(60_000, 1, 2), [200, 300]),
    f32Tensor(halfZeros(), [200, 300]),
    { name: 't', dtype: 'BF16', shape: [200, 300], bytes: upperHalves(halfZeros()) },
    { name: 't', dtype: 'BF16', shape: [150, 128], bytes: randomBytes(150 * 256, 2) },
    { name: 't', dtype: 'F16', shape: [19_200], bytes: randomBytes(19_200 * 2, 3) },
    { name: 't', dtype: 'I8', shape: [10, 12, 160], bytes: randomBytes(19_200, 4) },
    { name: 't', dtype: 'Q8_0', shape: [75, 256], bytes: randomBytes((19_200 / 32) * 34, 5) },
    { name: 't', dtype: 'Q4_0', shape: [75, 256], bytes: randomBytes((19_200 / 32) * 18, 6) },
    f64Tensor([...randomNormal(19_200, 7, -3)], [75, 256]),
  ];
  it.each(tensors)('$dtype has the same statistics', (tensor) => {
    const whole = computeStats(kernels, tensor);
    for (const splitting of [
      { segmentElements: 6400 },
      { segmentElements: 6400, reversed: true },
      { segmentElements: 19_168, runElements: 3200 },
      { segmentElements: 960, runElements: 32 },
    ]) {
      const cut = computeStats(kernels, tensor, splitting);
      expect(wanted(cut)).toEqual(wanted(whole));
      for (const key of ['mean', 'std', 'kurtosis'] as const) {
        const [a, b] = [cut[key]!, whole[key]!];
        expect(Math.abs(a - b), key).toBeLessThanOrEqual(1e-10 * (Math.abs(b) + whole.std! * 1e-3));
      }
      for (const axis of ['rows', 'columns'] as const) {
        expect(cut.channels![axis].absmax).toEqual(whole.channels![axis].absmax);
        expect(cut.channels![axis].outliers).toEqual(whole.channels![axis].outliers);
      }
    }
  });

  it('needs no channels', () => {
    for (const tensor of tensors) {
      const plain = computeStats(kernels, tensor, { channels: false });
      expect(plain.channels).toBeUndefined();
      expect(wanted(plain)).toEqual(wanted(computeStats(kernels, tensor)));
    }
  });

  it.each(tensors)('$dtype agrees with the definition', (tensor) => {
    const stats = computeStats(kernels, tensor);
    const values =
      tensor.dtype === 'F64'
        ? new Float64Array(tensor.bytes.buffer)
        : Float64Array.from(decodeReference(tensor.dtype, tensor.bytes, stats.count));
    const reference = referenceStats(values, matrixShape(tensor.shape).columns, tensor.dtype);
    for (const key of [
      ...(['count', 'min', 'max', 'absmax', 'nan', 'inf', 'posInf', 'negInf', 'zeros', 'denormals'] as const),
      ...(['outliers', 'top'] as const),
    ]) {
      expect(stats[key], key).toEqual(reference[key]);
    }
    for (const key of ['std', 'rms', 'crest'] as const) {
      expect(stats[key]! / reference[key], key).toBeCloseTo(1, 10);
    }
    expect(stats.skewness!).toBeCloseTo(reference.skewness, 8);
    const words = ['F16', 'BF16'].includes(tensor.dtype)
      ? new Uint16Array(tensor.bytes.buffer)
      : new Uint32Array(Float32Array.from(values).buffer).map((bits) => bits >>> 16);
    // Cutting float64 to float32 is not rounding, but changes few bins.
    expect(stats.entropy!).toBeCloseTo(entropyReference(words), tensor.dtype === 'F64' ? 2 : 10);
    for (const axis of ['rows', 'columns'] as const) {
      const [got, want] = [stats.channels![axis], reference.channels[axis]];
      expect(got.absmax).toEqual(want.absmax);
      for (const [i, rms] of want.rms.entries()) expect(got.rms[i]! / (rms || 1)).toBeCloseTo(rms ? 1 : 0, 6);
    }
    expect(stats.channels!.int8Columns).toEqual(reference.channels.int8Columns);
    expect(stats.outlierChannels).toEqual({
      rows: reference.channels.rows.outliers.length,
      columns: reference.channels.columns.outliers.length,
      rowEnergy: expect.closeTo(reference.channels.rows.outlierEnergy, 10),
      columnEnergy: expect.closeTo(reference.channels.columns.outlierEnergy, 10),
      int8Columns: reference.channels.int8Columns.length,
    });
    for (const p of ['0.1', '1', '50', '99', '99.9'] as const) {
      const want = reference.percentile(Number(p));
      const exact = ['BF16', 'F16', 'I8'].includes(tensor.dtype);
      const limit = exact ? 1e-12 : 2 ** -7;
      expect(Math.abs(stats.percentiles[p]! - want), p).toBeLessThanOrEqual(limit * Math.abs(want));
    }
    const drawn = stats.histogram!.counts.reduce((sum, count) => sum + count, 0);
    expect(drawn / (stats.count - stats.nan - stats.inf)).toBeCloseTo(1, 9);
  });
});

describe('edge cases', () => {
  it('a tensor of no elements, or of nothing finite, has no figures', () => {
    const empty = computeStats(kernels, f32Tensor(new Float32Array(0), [0, 4]));
    expect(empty).toMatchObject({
      count: 0,
      min: null,
      mean: null,
      std: null,
      kurtosis: null,
      histogram: null,
    });
    const odd = computeStats(
      kernels,
      f32Tensor(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)),
    );
    expect(odd).toMatchObject({ count: 3, nan: 1, inf: 2, min: null, max: null, zeros: 0 });
    expect(odd.percentiles['50']).toBeNull();
  });

  it('a tensor of one value has no kurtosis and one bar', () => {
    for (const value of [0, 2.5, -1e-3]) {
      const stats = computeStats(kernels, f32Tensor(new Float32Array(100).fill(value)));
      const rounded = Math.fround(value);
      expect(stats).toMatchObject({ min: rounded, max: rounded, std: 0, kurtosis: null });
      expect(stats.percentiles['99']).toBe(rounded);
      expect(stats.outliers).toEqual({ sigma3: 0, sigma6: 0 });
      const { min, max, counts } = stats.histogram!;
      expect(min).toBeLessThan(max);
      expect(counts.filter((count) => count > 0)).toEqual(Float64Array.of(100));
    }
  });

  it('a scalar is a matrix of one', () => {
    expect(matrixShape([])).toEqual({ rows: 1, columns: 1 });
    expect(matrixShape([7])).toEqual({ rows: 1, columns: 7 });
    expect(matrixShape([2, 3, 5])).toEqual({ rows: 2, columns: 15 });
    expect(computeStats(kernels, f32Tensor(Float32Array.of(3), [])).mean).toBe(3);
  });

  it('float64 keeps what float32 could not tell apart', () => {
    const stats = computeStats(kernels, f64Tensor([1, 1 + 2 ** -40, 1 + 2 ** -39]));
    expect(stats.max).toBe(1 + 2 ** -39);
    expect(stats.mean).toBe(1 + 2 ** -40);
    expect(stats.std).toBeCloseTo(Math.sqrt(2 / 3) * 2 ** -40, 20);
    expect(computeStats(kernels, f64Tensor([1e300, -1e300])).max).toBe(1e300);
  });

  it('asks for the second pass only where the histogram leaves it open', () => {
    const values = randomNormal(50_000, 9);
    const partial = partialStats(kernels, f32Tensor(values));
    expect(() => finalizeStats(partial, { name: 't', dtype: 'F32' })).toThrow('second pass');
    expect(computeStats(kernels, f32Tensor(values)).outliers.sigma3).toBeGreaterThan(0);
  });
});

describe('counts beyond 6 sigma', () => {
  it('are exact where the threshold cuts a bin, and 3 sigma does not', () => {
    const values = Float32Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? 1 : -1));
    // The standard deviation is 1.0035, so that 6 of them end between these two of the bin 6 .. 6.03125.
    const tensor = f32Tensor(Float32Array.of(...values, 6.01, 6.03));
    expect(sigmaCounts(partialStats(kernels, tensor))).toBeUndefined();
    expect(computeStats(kernels, tensor).outliers).toEqual({ sigma3: 2, sigma6: 1 });
  });

  it('need no second pass where no bin is cut', () => {
    const values = Float32Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? 1 : -1));
    const tensor = f32Tensor(Float32Array.of(...values, 5, 9));
    expect(sigmaCounts(partialStats(kernels, tensor))).toEqual({ sigma3: 2, sigma6: 1 });
  });
});

describe('the display histogram', () => {
  it('counts what lies in a given range', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => i / 1000);
    const partial = partialStats(kernels, f32Tensor(values));
    const half = displayHistogram(partial, { min: 0, max: 0.5 }, 10)!;
    expect(half.counts.reduce((sum, count) => sum + count, 0)).toBeCloseTo(500, -1);
    for (const count of half.counts) expect(Math.abs(count - 50)).toBeLessThan(5);
    const wide = displayHistogram(partial, { min: -1, max: 2 }, 3)!;
    expect(wide.counts[1]).toBeCloseTo(1000, 6);
    expect(displayHistogram(emptyPartialStats('f32'))).toBeNull();
  });

  it('draws evenly spaced 16-bit values without gaps', () => {
    const patterns = Uint16Array.from({ length: 128 }, (_, i) => 0x3f80 + i);
    const tensor = { name: 't', dtype: 'BF16', shape: [128], bytes: new Uint8Array(patterns.buffer) };
    const { counts } = computeStats(kernels, tensor).histogram!;
    expect(Math.min(...counts)).toBeGreaterThan(0.6);
    expect(Math.max(...counts)).toBeLessThan(2);
  });
});

describe('outliers of an axis', () => {
  it('lie beyond the factor times the median', () => {
    const sums = (absmax: number[], sumSq: number[]) => ({
      absmax: Float32Array.from(absmax),
      sumSq: Float64Array.from(sumSq),
      length: 4,
    });
    const axis = axisStats(sums([1, 1, 9, 8, 1], [1, 1, 4, 1, 1]), 8);
    expect(axis).toMatchObject({ outliers: [2], median: 1, outlierEnergy: 0.5 });
    expect(axisStats(sums([0, 0, 5], [0, 0, 25]), 8).outliers).toEqual([]);
  });

  it('take the median of sorted values', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 1, noNaN: true, min: 0, max: 100 }),
        fc.nat(3),
        (some, more) => {
          // Short arrays are sorted, long ones are not.
          const values = Float32Array.from(
            { length: some.length * (1 + 300 * more) },
            (_, i) => some[i % some.length]! + (i % 7),
          );
          const sorted = [...values].sort((a, b) => a - b);
          const middle = sorted.length / 2;
          const want =
            sorted.length % 2 === 1
              ? sorted[Math.floor(middle)]!
              : (sorted[middle - 1]! + sorted[middle]!) / 2;
          return medianOf(values) === want;
        },
      ),
    );
  });
});
