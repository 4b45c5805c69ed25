import { describe, expect, it } from 'vitest';
import { extremeStateBytes, sumStateBytes } from '../../../src/kernels/kernels';
import { foldReference } from '../../../src/kernels/reference/fold';
import { randomValues } from '../engine/support';
import { loadKernels } from './loadKernels';

const kernels = loadKernels();

/** Folds by the kernels, in calls of so many rows. */
function fold(values: Float32Array, columns: number, edges: readonly number[], rowsACall: number) {
  kernels.reset();
  const cells = edges.length - 1;
  const states = kernels.alloc(extremeStateBytes * cells);
  const sums = kernels.alloc(sumStateBytes * cells);
  const places = kernels.alloc(4 * edges.length);
  const out = kernels.alloc(4 * cells);
  const x = kernels.alloc(values.byteLength);
  kernels.f32(x, values.length).set(values);
  kernels.u32(places, edges.length).set(edges);
  kernels.startExtreme(states, cells);
  kernels.f64(sums, 2 * cells).fill(0);
  for (let row = 0; row * columns < values.length; row += rowsACall) {
    const rows = Math.min(rowsACall, values.length / columns - row);
    kernels.foldExtreme(x + 4 * row * columns, rows, columns, places, cells, states);
    kernels.foldSums(x + 4 * row * columns, rows, columns, places, cells, sums);
  }
  kernels.finishExtreme(states, cells, out);
  const pairs = kernels.f64(sums, 2 * cells);
  return {
    extreme: Array.from(kernels.f32(out, cells)),
    sum: Array.from({ length: cells }, (_, i) => pairs[2 * i]!),
    squares: Array.from({ length: cells }, (_, i) => pairs[2 * i + 1]!),
  };
}

const shapes: [number, number, number[]][] = [
  [1, 1, [0, 1]],
  [3, 7, [0, 1, 2, 7]],
  [5, 64, [0, 16, 32, 48, 64]],
  [4, 100, [0, 33, 34, 99, 100]],
  [9, 24, [0, 8, 16, 24]],
  [2, 1000, Array.from({ length: 8 }, (_, i) => Math.floor((i * 1000) / 7))],
];

describe('folding into cells', () => {
  it.each(shapes)('%i x %i values is what the formula says', (rows, columns, edges) => {
    for (let seed = 1; seed < 6; seed++) {
      const values = randomValues(rows * columns, seed);
      const want = foldReference(values, columns, edges);
      const got = fold(values, columns, edges, seed % 2 ? rows : 1);
      expect(got.extreme).toEqual(want.extreme);
      for (let cell = 0; cell + 1 < edges.length; cell++) {
        expect(Math.abs(got.sum[cell]! - want.sum[cell]!)).toBeLessThanOrEqual(
          1e-12 * Math.sqrt(want.squares[cell]! * rows * columns),
        );
        expect(Math.abs(got.squares[cell]! - want.squares[cell]!)).toBeLessThanOrEqual(
          1e-12 * want.squares[cell]!,
        );
      }
    }
  });

  it('keeps NaN, infinities, the positive one of two, and -0 where there is nothing else', () => {
    const nan = Float32Array.of(1, Number.NaN, 2, -5, 5, 3, -0, -0, Number.NEGATIVE_INFINITY, 4, 0, -0);
    const { extreme } = fold(nan, 12, [0, 3, 6, 8, 10, 12], 1);
    expect(extreme).toEqual([Number.NaN, 5, -0, Number.NEGATIVE_INFINITY, 0]);
    // A NaN with its sign set is one too.
    const negativeNan = new Float32Array(Uint32Array.of(0xffc00000, 0x3f800000).buffer);
    expect(fold(negativeNan, 2, [0, 2], 1).extreme[0]).toBeNaN();
    expect(fold(Float32Array.of(-1, -3, -2), 3, [0, 3], 1).extreme).toEqual([-3]);
  });

  it('writes nothing behind its cells', () => {
    kernels.reset();
    const edges = kernels.alloc(64);
    kernels.u32(edges, 3).set([0, 3, 7]);
    const x = kernels.alloc(64);
    kernels.f32(x, 7).fill(1);
    const states = kernels.alloc(1024);
    kernels.u8(states, 1024).fill(0xaa);
    kernels.startExtreme(states, 2);
    kernels.foldExtreme(x, 1, 7, edges, 2, states);
    kernels.f64(states + 512, 4).fill(0);
    kernels.foldSums(x, 1, 7, edges, 2, states + 512);
    expect(kernels.u8(states + 64, 448).every((byte) => byte === 0xaa)).toBe(true);
    expect(kernels.u8(states + 544, 480).every((byte) => byte === 0xaa)).toBe(true);
  });
});
