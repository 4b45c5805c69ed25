import { describe, expect, it } from 'vitest';
import { decodeCodes8Reference, encode8Reference } from '../../../src/kernels/reference/codes';
import { rowRangeReference } from '../../../src/kernels/reference/rowRange';
import { loadKernels, place } from './loadKernels';
import { awkwardValues, randomBytes, randomNormal } from './randomValues';

const kernels = loadKernels();
const shapes = [
  [1, 1],
  [3, 3],
  [2, 15],
  [2, 16],
  [5, 17],
  [4, 64],
  [7, 101],
  [1, 4099],
] as const;

describe('encode8', () => {
  it.each(shapes)('gives the reference codes for %i x %i', (rows, columns) => {
    for (const values of [awkwardValues(rows * columns, 3), randomNormal(rows * columns, 4)]) {
      const inverses = randomNormal(rows, 5, 40, 20).map((v, i) => (i === 1 ? 1 : v));
      const zeros = Float32Array.from(randomBytes(rows, 6));
      const stride = Math.ceil(columns / 4) * 4 + 4;
      for (const [low, high] of [
        [0, 255],
        [1, 255],
      ] as const) {
        kernels.reset();
        const src = place(kernels, values, 4);
        const codes = kernels.alloc(rows * stride);
        const written = kernels.u8(codes, rows * stride).fill(0xee);
        kernels.encode8(
          src,
          codes,
          rows,
          columns,
          stride,
          place(kernels, inverses),
          place(kernels, zeros),
          low,
          high,
        );
        expect(kernels.u8(codes, written.length)).toEqual(
          encode8Reference(values, columns, stride, inverses, zeros, low, high),
        );
      }
    }
  });

  it('rounds ties to even and clamps', () => {
    kernels.reset();
    const values = Float32Array.from([0.5, 1.5, 2.5, -0.5, -1.5, 300, -300, 3e38, -3e38, -0, 1e-45]);
    const codes = kernels.alloc(64);
    const one = place(kernels, Float32Array.of(1));
    kernels.encode8(
      place(kernels, values),
      codes,
      1,
      11,
      12,
      one,
      place(kernels, Float32Array.of(128)),
      1,
      255,
    );
    expect([...kernels.u8(codes, 12)]).toEqual([128, 130, 130, 128, 126, 255, 1, 255, 1, 128, 128, 0]);
  });
});

describe('decodeCodes8', () => {
  it.each(shapes)('gives the reference values for %i x %i', (rows, columns) => {
    const stride = Math.ceil(columns / 4) * 4;
    const codes = randomBytes(rows * stride, 8);
    const scales = randomNormal(rows, 9, 0, 0.01);
    const zeros = Float32Array.from(randomBytes(rows, 10));
    kernels.reset();
    const dst = kernels.alloc(rows * columns * 4);
    kernels.decodeCodes8(
      place(kernels, codes, 3),
      dst,
      rows,
      columns,
      stride,
      place(kernels, scales),
      place(kernels, zeros),
    );
    expect(kernels.f32(dst, rows * columns)).toEqual(
      decodeCodes8Reference(codes, columns, stride, scales, zeros),
    );
  });
});

describe('rowRange', () => {
  function rowRange(values: Float32Array, rows: number, columns: number) {
    kernels.reset();
    const src = place(kernels, values, 4);
    const min = kernels.alloc(rows * 4);
    const max = kernels.alloc(rows * 4);
    kernels.u8(min, rows * 4).fill(0);
    kernels.u8(max, rows * 4).fill(0);
    const firstNonFinite = kernels.rowRange(src, rows, columns, min, max);
    return { min: kernels.f32(min, rows).slice(), max: kernels.f32(max, rows).slice(), firstNonFinite };
  }

  it.each(shapes)('gives the reference extremes for %i x %i', (rows, columns) => {
    for (const values of [awkwardValues(rows * columns, 3), randomNormal(rows * columns, 4, 5)]) {
      expect(rowRange(values, rows, columns)).toEqual(rowRangeReference(values, rows, columns));
    }
  });

  it('finds the first value that is not finite, wherever it is', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const at of [0, 5, 16, 17, 50]) {
        const values = randomNormal(51, 1);
        values[at] = bad;
        values[50] = bad;
        const got = rowRange(values, 3, 17);
        expect(got.firstNonFinite).toBe(at);
        expect(got).toEqual(rowRangeReference(values, 3, 17));
      }
    }
  });

  it('reports no negative zero', () => {
    const range = rowRange(Float32Array.of(-0, -0, -0, -0, -0, -0, -0, -0, -0), 1, 9);
    expect([range.min[0], range.max[0]]).toEqual([0, 0]);
  });
});
