/** Mean and standard deviation keep the bound that src/stats/moments.ts states, against exact arithmetic. */
import { describe, expect, it } from 'vitest';
import { decodeReference } from '../../../src/kernels/reference/decode';
import { f32BitsToBf16, f32BitsToF16, f32ToBits } from '../../../src/numeric/floats';
import { loadKernels } from '../kernels/loadKernels';
import { randomBytes, randomNormal, randomSource } from '../kernels/randomValues';
import { computeStats, type EncodedTensor } from './computeStats';
import { exactMeanAndStd } from './exactSums';

const kernels = loadKernels();
const rows = 50;
const columns = 800;
const n = rows * columns;
const next = randomSource(77);
const uniform = Float64Array.from({ length: n }, () => next() - 0.5);
const normal = Float64Array.from(randomNormal(n, 3));

/** Inputs that naive sums lose digits on. */
const hard: readonly { readonly name: string; readonly values: Float64Array }[] = [
  { name: 'normal', values: normal },
  { name: 'an offset of 3 std', values: normal.map((v) => v + 3) },
  { name: 'an offset of 1e4 std', values: normal.map((v) => v + 1e4) },
  { name: 'an offset of 1e6 std', values: normal.map((v) => v - 1e6) },
  { name: 'an offset of 1e9 std', values: normal.map((v) => v + 1e9) },
  { name: 'a mean of 1e-8 std', values: normal.map((v, i) => (i % 2 === 0 ? v : -normal[i - 1]! + 2e-8)) },
  { name: 'all equal', values: normal.map(() => 0.1) },
  { name: 'all equal but one', values: normal.map((_, i) => (i === 12_345 ? 1e8 : 0.1)) },
  { name: 'cancelling halves', values: uniform.map((v, i) => (i < n / 2 ? 1e7 : -1e7) + v) },
  { name: 'rows far apart', values: uniform.map((v, i) => v + Math.floor(i / columns) ** 4) },
  { name: 'steps at every block', values: uniform.map((v, i) => v + 1e5 * Math.floor(i / 16_384)) },
  { name: '1e8 of dynamic range', values: uniform.map((v) => Math.sign(v) * 10 ** (16 * Math.abs(v))) },
  { name: 'huge range', values: uniform.map((v) => Math.sign(v) * 10 ** (140 * v)) },
  { name: 'denormals of float32', values: uniform.map((v) => v * 1e-39) },
  { name: 'a ramp', values: uniform.map((_, i) => i) },
  {
    name: 'some not finite',
    values: normal.map((v, i) => (i % 997 === 0 ? Number.NaN : i % 991 === 0 ? Infinity : v)),
  },
];

const rounders: Readonly<Record<string, (values: Float64Array) => Uint8Array>> = {
  F64: (values) => new Uint8Array(values.slice().buffer),
  F32: (values) => new Uint8Array(Float32Array.from(values).buffer),
  BF16: (values) => new Uint8Array(Uint16Array.from(values, (v) => f32BitsToBf16(f32ToBits(v))).buffer),
  F16: (values) => new Uint8Array(Uint16Array.from(values, (v) => f32BitsToF16(f32ToBits(v))).buffer),
};

function expectWithinBound(tensor: EncodedTensor): void {
  const values =
    tensor.dtype === 'F64'
      ? new Float64Array(tensor.bytes.buffer)
      : Float64Array.from(decodeReference(tensor.dtype, tensor.bytes, n));
  if (!values.some((value) => Number.isFinite(value))) return;
  const exact = exactMeanAndStd(values);
  for (const splitting of [{}, { segmentElements: 16_384 }, { segmentElements: 4800, runElements: 1600 }]) {
    for (const channels of [true, false]) {
      const got = computeStats(kernels, tensor, { ...splitting, channels });
      const meanBound = Math.max(1e-12 * Math.abs(exact.mean), 1.5e-13 * exact.std);
      expect(Math.abs(got.mean! - exact.mean), 'mean').toBeLessThanOrEqual(meanBound);
      expect(Math.abs(got.std! - exact.std), 'std').toBeLessThanOrEqual(1e-12 * exact.std);
    }
  }
}

describe.each(hard)('$name', ({ values }) => {
  it.each(Object.keys(rounders))('%s', (dtype) => {
    expectWithinBound({ name: 't', dtype, shape: [rows, columns], bytes: rounders[dtype]!(values) });
  });
});

describe('values of other types', () => {
  it.each([
    ['F8_E4M3', n],
    ['F8_E5M2', n],
    ['F8_E8M0', n],
    ['F4', n / 2],
    ['I8', n],
    ['U8', n],
    ['BOOL', n],
    ['I16', 2 * n],
    ['U16', 2 * n],
    ['Q8_0', (n / 32) * 34],
    ['Q4_0', (n / 32) * 18],
    ['MXFP4', (n / 32) * 17],
  ] as const)('%s', (dtype, bytes) => {
    expectWithinBound({ name: 't', dtype, shape: [rows, columns], bytes: randomBytes(bytes, 5) });
  });
});

describe('the exact reference', () => {
  it('knows small cases', () => {
    expect(exactMeanAndStd([1, 2, 3, 4])).toEqual({ mean: 2.5, std: Math.sqrt(1.25) });
    expect(exactMeanAndStd([1e308, -1e308, Number.NaN])).toEqual({ mean: 0, std: 1e308 });
    expect(exactMeanAndStd([5e-324, 5e-324])).toEqual({ mean: 5e-324, std: 0 });
    expect(exactMeanAndStd([1e16, 1, -1e16, 1]).mean).toBe(0.5);
    expect(exactMeanAndStd([2 ** 53 + 2, 2 ** 53]).std).toBe(1);
  });
});
