import { describe, expect, it } from 'vitest';
import { decodeReference } from '../../../src/kernels/reference/decode';
import { f32BitsToF16 } from '../../../src/numeric/floats';
import { referenceStats } from '../../../src/stats/referenceStats';
import { loadKernels } from '../kernels/loadKernels';
import { computeStats, type EncodedTensor } from './computeStats';
import { demoModels, f16Bytes, readTruth } from './demoModels';

const kernels = loadKernels();

interface TruthRow {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly absmax: number;
  readonly excess_kurtosis: number;
  readonly count_dev_gt_6std: number;
  readonly zeros: number;
  readonly p0_1: number;
  readonly p1: number;
  readonly p50: number;
  readonly p99: number;
  readonly p99_9: number;
}
interface Truth {
  readonly tensor_stats: {
    readonly runs: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, TruthRow>>>>>>;
  };
}
const { runs } = readTruth<Truth>('truth.json').tensor_stats;
const names = { p0_1: '0.1', p1: '1', p50: '50', p99: '99', p99_9: '99.9' } as const;

const cases = demoModels.map(({ model, dtype, tensors }) => ({
  model,
  dtype: dtype as string,
  tensors: [...tensors()].map(([name, tensor]): EncodedTensor => ({ name, ...tensor })),
}));
for (const { model, tensors } of demoModels.filter((entry) => entry.dtype === 'F32')) {
  const rounded = [...tensors()].map(
    ([name, tensor]): EncodedTensor => ({
      name,
      shape: tensor.shape,
      dtype: 'F16',
      bytes: f16Bytes(tensor, f32BitsToF16),
    }),
  );
  cases.push({ model, dtype: 'F16', tensors: rounded });
}

function relative(got: number, want: number): number {
  return Math.abs(got - want) / Math.abs(want);
}

describe.each(cases)('$model in $dtype', ({ model, dtype, tensors }) => {
  it('has the statistics of truth.json, through the kernels', () => {
    expect(tensors.length).toBe(39);
    for (const tensor of tensors) {
      const want = runs[model]![dtype]![tensor.name]!;
      const got = computeStats(kernels, tensor, { segmentElements: 50_000 });
      const exact = [got.min, got.max, got.absmax, got.zeros, got.outliers.sigma6];
      expect(exact, tensor.name).toEqual([
        want.min,
        want.max,
        want.absmax,
        want.zeros,
        want.count_dev_gt_6std,
      ]);
      // As src/stats/moments.ts promises, with as much again for the truth's own rounding.
      expect(Math.abs(got.mean! - want.mean), `${tensor.name} mean`).toBeLessThan(
        2e-12 * Math.max(Math.abs(want.mean), 0.15 * want.std),
      );
      expect(relative(got.std!, want.std), `${tensor.name} std`).toBeLessThan(2e-12);
      const rms = Math.sqrt(want.mean ** 2 + want.std ** 2);
      expect(relative(got.rms!, rms), `${tensor.name} RMS`).toBeLessThan(2e-12);
      expect(relative(got.crest!, want.absmax / rms), `${tensor.name} crest factor`).toBeLessThan(2e-12);
      expect(Math.abs(got.top[0]!.value), `${tensor.name} largest`).toBe(want.absmax);
      expect(Math.abs(got.kurtosis! - want.excess_kurtosis), `${tensor.name} kurtosis`).toBeLessThan(
        1e-9 * (3 + Math.abs(want.excess_kurtosis)),
      );
      for (const [key, rank] of Object.entries(names)) {
        const truth = want[key as keyof typeof names];
        const limit = dtype === 'F32' ? 2 ** -7 : 1e-12;
        expect(Math.abs(got.percentiles[rank]! - truth), `${tensor.name} ${key}`).toBeLessThanOrEqual(
          limit * Math.abs(truth),
        );
      }
    }
  });

  it('has them through the plain reference too', () => {
    for (const tensor of tensors.filter(
      ({ name }) => !name.includes('layers') || name.includes('layers.2'),
    )) {
      const elements = tensor.shape.reduce((product, n) => product * n, 1);
      const values = Float64Array.from(decodeReference(dtype, tensor.bytes, elements));
      const want = runs[model]![dtype]![tensor.name]!;
      const got = referenceStats(values, tensor.shape.at(-1)!, dtype);
      expect([got.min, got.max, got.zeros, got.outliers.sigma6]).toEqual([
        want.min,
        want.max,
        want.zeros,
        want.count_dev_gt_6std,
      ]);
      expect(relative(got.mean, want.mean), `${tensor.name} mean`).toBeLessThan(1e-9);
      expect(relative(got.std, want.std)).toBeLessThan(1e-9);
      expect(relative(got.percentile(99.9), want.p99_9)).toBeLessThan(1e-12);
      const fast = computeStats(kernels, tensor);
      expect(fast.outliers).toEqual(got.outliers);
      expect(fast.top).toEqual(got.top);
      expect(fast.denormals).toBe(got.denormals);
      expect(fast.skewness!).toBeCloseTo(got.skewness, 9);
      expect(fast.channels!.rows.absmax).toEqual(got.channels.rows.absmax);
      expect(fast.channels!.columns.absmax).toEqual(got.channels.columns.absmax);
      expect(fast.channels!.columns.outliers).toEqual(got.channels.columns.outliers);
      expect(fast.channels!.columns.outlierEnergy).toBeCloseTo(got.channels.columns.outlierEnergy, 12);
    }
  });
});
