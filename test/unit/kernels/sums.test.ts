import { describe, expect, it } from 'vitest';
import { channelsReference } from '../../../src/kernels/reference/channels';
import {
  histogramF32Reference,
  histogramF64Reference,
  histogramU16Reference,
} from '../../../src/kernels/reference/histogram';
import {
  countBeyondReference,
  errorSumsReference,
  momentsReference,
} from '../../../src/kernels/reference/sums';
import { expectSameBytes, loadKernels, place } from './loadKernels';
import { awkwardValues, randomBytes, randomNormal } from './randomValues';

const kernels = loadKernels();
const lengths = [0, 1, 2, 3, 4, 5, 7, 8, 63, 1023, 1024, 1025, 2051, 5000];
/** Float sums may be added in another order: relative to the sum of magnitudes. */
const tolerance = 1e-13;

function withSpecials(values: Float32Array, every: number): Float32Array {
  const specials = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return values.map((value, i) => (i % every === every - 1 ? specials[i % 3]! : value));
}

const inputs = lengths.flatMap((n) => [
  { name: `${n} normal`, values: randomNormal(n, n + 1, 0.3) },
  { name: `${n} awkward`, values: awkwardValues(n, n + 2).map((v) => (Math.abs(v) > 1e30 ? 7 : v)) },
  { name: `${n} with a rare NaN or infinity`, values: withSpecials(randomNormal(n, n + 3), 1500) },
  { name: `${n} with many`, values: withSpecials(randomNormal(n, n + 4), 3) },
]);

describe.each(inputs)('$name', ({ values }) => {
  const wide = Float64Array.from(values, (v) => v * (1 + 2 ** -40));

  it('moments', () => {
    for (const shift of [0, 0.3]) {
      kernels.reset();
      check(kernels.moments(place(kernels, values, 4), values.length, shift), values, shift);
      check(kernels.moments64(place(kernels, wide), wide.length, shift), wide, shift);
    }
  });

  function check(
    got: ReturnType<typeof momentsReference>,
    source: Float32Array | Float64Array,
    shift: number,
  ): void {
    const want = momentsReference(source, shift);
    const magnitudes = momentsReference(
      source.map((v) => shift + Math.abs(v - shift)),
      shift,
    );
    for (const key of ['s1', 's2', 's3', 's4'] as const) {
      expect(Math.abs(got[key] - want[key])).toBeLessThanOrEqual(tolerance * Math.abs(magnitudes[key]));
    }
    for (const key of ['finite', 'min', 'max', 'zeros', 'nan', 'inf'] as const) {
      expect(got[key], key).toBe(want[key]);
    }
  }

  it('counts beyond a distance', () => {
    kernels.reset();
    const narrow = place(kernels, values, 4);
    const double = place(kernels, wide);
    for (const [mean, near, far] of [
      [0, 1, 2],
      [0.3, 0.7, 0.2],
      [values[0] ?? 0, 0, 1e-40],
    ] as const) {
      expect(kernels.countBeyond(narrow, values.length, mean, near, far)).toEqual(
        countBeyondReference(values, mean, near, far),
      );
      expect(kernels.countBeyond64(double, wide.length, mean, near, far)).toEqual(
        countBeyondReference(wide, mean, near, far),
      );
    }
  });

  it('histograms', () => {
    kernels.reset();
    const bins = kernels.alloc(65536 * 4);
    const clear = () => kernels.u32(bins, 65536).fill(0);
    clear();
    kernels.histogramF32(place(kernels, values, 4), values.length, bins);
    expectSameBytes(kernels.u32(bins, 65536), histogramF32Reference(values));
    clear();
    kernels.histogramF64(place(kernels, wide), wide.length, bins);
    expectSameBytes(kernels.u32(bins, 65536), histogramF64Reference(wide));
    clear();
    const patterns = new Uint16Array(randomBytes(values.length * 2, 3).buffer);
    kernels.histogramU16(place(kernels, patterns, 2), patterns.length, bins);
    expectSameBytes(kernels.u32(bins, 65536), histogramU16Reference(patterns));
  });
});

describe('histogramF64', () => {
  it('cuts towards zero and keeps what is beyond float32 finite', () => {
    kernels.reset();
    const bins = kernels.alloc(65536 * 4);
    kernels.u32(bins, 65536).fill(0);
    const values = Float64Array.of(
      1 - 2 ** -40,
      -1 + 2 ** -40,
      1e300,
      -1e300,
      Number.POSITIVE_INFINITY,
      1e-320,
    );
    kernels.histogramF64(place(kernels, values), values.length, bins);
    const found = kernels.u32(bins, 65536);
    expectSameBytes(found, histogramF64Reference(values));
    expect([0x3f7f, 0xbf7f, 0x7f7f, 0xff7f, 0x7f80, 0].map((bin) => found[bin])).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe('errorSums', () => {
  it.each(lengths)('of %i pairs', (n) => {
    kernels.reset();
    const x = randomNormal(n, 1);
    const y = x.map((v, i) => v + (i % 7) * 0.01 - 0.03);
    const got = kernels.errorSums(place(kernels, x, 4), place(kernels, y), n);
    const want = errorSumsReference(x, y);
    for (const key of ['squaredError', 'absoluteError', 'squaredX', 'squaredY', 'productXY'] as const) {
      expect(Math.abs(got[key] - want[key])).toBeLessThanOrEqual(tolerance * want.squaredX + 1e-300);
    }
    expect(got.maxAbsError).toBe(want.maxAbsError);
  });

  it.each([1, 2, 3, 5, 64, 1023])('have the same bits in pieces of %i', (step) => {
    for (const n of lengths) {
      kernels.reset();
      const x = place(kernels, randomNormal(n, 2), 4);
      const y = place(kernels, randomNormal(n, 3));
      const pairs = kernels.pairSums().begin(n);
      for (let at = 0; at < n; at += step) pairs.add(x + 4 * at, y + 4 * at, Math.min(step, n - at));
      expect(pairs.end()).toEqual(kernels.errorSums(x, y, n));
    }
  });

  it('are finite if and only if all values are', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, 1e-45]) {
      for (const at of [0, 5, 4098]) {
        const values = randomNormal(4099, 4);
        const odd = values.slice();
        odd[at] = bad;
        kernels.reset();
        const [x, y] = [place(kernels, values), place(kernels, odd)];
        expect(Number.isFinite(kernels.errorSums(x, y, 4099).squaredY)).toBe(Number.isFinite(bad));
        expect(Number.isFinite(kernels.errorSums(y, x, 4099).squaredX)).toBe(Number.isFinite(bad));
      }
    }
  });
});

describe('channels', () => {
  const cases = [
    { n: 1, startColumn: 0, columns: 1 },
    { n: 5, startColumn: 2, columns: 3 },
    { n: 64, startColumn: 0, columns: 8 },
    { n: 72, startColumn: 5, columns: 8 },
    { n: 100, startColumn: 0, columns: 100 },
    { n: 4000, startColumn: 17, columns: 33 },
    { n: 4000, startColumn: 0, columns: 64 },
    { n: 4003, startColumn: 63, columns: 64 },
    { n: 10, startColumn: 3, columns: 1000 },
  ];
  it.each(cases)('$n values from column $startColumn of $columns', ({ n, startColumn, columns }) => {
    const values = withSpecials(awkwardValues(n, n), 29).map((v) => (Math.abs(v) > 1e30 ? 9 : v));
    const wide = Float64Array.from(values, (v) => v * (1 + 2 ** -40));
    for (const source of [values, wide]) {
      const want = channelsReference(source, startColumn, columns);
      const rows = want.rowMax.length;
      kernels.reset();
      const zeroed = (bytes: number) => {
        const pointer = kernels.alloc(bytes);
        kernels.u8(pointer, bytes).fill(0);
        return pointer;
      };
      const [rowMax, columnMax] = [zeroed(rows * 4), zeroed(columns * 4)];
      const [rowSumSq, columnSumSq] = [zeroed(rows * 8), zeroed(columns * 8)];
      const src = place(kernels, source, 4);
      const run = source === values ? 'channels' : 'channels64';
      kernels[run](src, n, startColumn, columns, rowMax, columnMax, rowSumSq, columnSumSq);
      expect(kernels.f32(rowMax, rows)).toEqual(want.rowMax);
      expect(kernels.f32(columnMax, columns)).toEqual(want.columnMax);
      close(kernels.f64(rowSumSq, rows), want.rowSumSq);
      close(kernels.f64(columnSumSq, columns), want.columnSumSq);
    }
  });

  it('of float64 stays finite beyond float32, and beyond the root of the largest number', () => {
    kernels.reset();
    const src = place(kernels, Float64Array.of(1e300, 3, -1e39, 2));
    const pointers = [8, 8, 16, 16].map((bytes) => {
      const pointer = kernels.alloc(bytes);
      kernels.u8(pointer, bytes).fill(0);
      return pointer;
    });
    const [rowMax, columnMax, rowSumSq, columnSumSq] = pointers as [number, number, number, number];
    kernels.channels64(src, 4, 0, 2, rowMax, columnMax, rowSumSq, columnSumSq);
    const largest = 2 ** 127 * (2 - 2 ** -23);
    expect([...kernels.f32(rowMax, 2)]).toEqual([largest, largest]);
    expect([...kernels.f32(columnMax, 2)]).toEqual([largest, 3]);
    expect([...kernels.f64(rowSumSq, 2)]).toEqual([2 ** 960 + 9, 1e39 * 1e39 + 4]);
    expect([...kernels.f64(columnSumSq, 2)]).toEqual([2 ** 960 + 1e39 * 1e39, 13]);
  });

  function close(got: Float64Array, want: Float64Array): void {
    got.forEach((value, i) => {
      expect(Math.abs(value - want[i]!)).toBeLessThanOrEqual(tolerance * want[i]!);
    });
  }
});

describe('the memory', () => {
  it('grows, stays aligned and is given back', () => {
    kernels.reset();
    const mark = kernels.mark();
    const first = kernels.alloc(5);
    const big = kernels.alloc(3_000_000);
    expect([first % 64, big % 64]).toEqual([0, 0]);
    expect(kernels.memory.buffer.byteLength).toBeGreaterThanOrEqual(big + 3_000_000);
    kernels.f64(big, 10).fill(1.5);
    kernels.reset(mark);
    expect(kernels.alloc(1)).toBe(first);
    expect(() => kernels.alloc(2 ** 33)).toThrow(/bytes/);
  });
});
