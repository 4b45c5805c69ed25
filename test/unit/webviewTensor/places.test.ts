import { describe, expect, it } from 'vitest';
import { atOfFlat, flatOf, parseTensorIndex } from '../../../src/protocol/tensorIndex';
import { shortenedDecimal, splitDecimal } from '../../../webview-ui/state/decimalText';
import { FrameTimes } from '../../../webview-ui/state/frameTimes';
import {
  firstSlice,
  indicesOf,
  placeOf,
  restoredSlice,
  sliceSize,
} from '../../../webview-ui/state/matrixPlace';
import { ProfilePyramid } from '../../../webview-ui/state/profilePyramid';
import { restoreView } from '../../../webview-ui/views/tensor/viewChoices';

describe('indices that people write', () => {
  const shape = [3, 40, 50];

  it.each([
    ['1, 2, 3', [1, 2, 3]],
    ['[1,2,3]', [1, 2, 3]],
    ['(1; 2; 3)', [1, 2, 3]],
    ['  0 39 49 ', [0, 39, 49]],
    ['-1, -1, -1', [2, 39, 49]],
    ['2103', [1, 2, 3]],
    ['-1', [2, 39, 49]],
  ])('%s is read', (text, at) => {
    expect(parseTensorIndex(text, shape)).toEqual({ at });
  });

  it.each(['', 'x', '1, 2', '1, 2, 3, 4', '1.5, 0, 0', '3, 0, 0', '0, 40, 0', '6000', '-6001', '1e3'])(
    '"%s" is refused with a sentence',
    (text) => {
      const parsed = parseTensorIndex(text, shape);
      expect('problem' in parsed && parsed.problem).toMatch(/\.$/);
    },
  );

  it('is one number for one dimension', () => {
    expect(parseTensorIndex('7', [10])).toEqual({ at: [7] });
    expect(parseTensorIndex('10', [10])).toMatchObject({ problem: expect.stringContaining('0 to 9') });
  });

  it('goes to flat indices and back', () => {
    for (let flat = 0; flat < 6000; flat += 7) expect(flatOf(atOfFlat(flat, shape), shape)).toBe(flat);
    expect(flatOf([1, 2, 3], shape)).toBe(1 * 2000 + 2 * 50 + 3);
  });
});

describe('places in a slice', () => {
  const shape = [8, 120, 200];
  const slice = { rowDimension: 1, columnDimension: 2, at: [5, 0, 0] };

  it('has the size of its two dimensions', () => {
    expect(sliceSize(shape, slice)).toEqual({ rows: 120, columns: 200 });
    expect(sliceSize(shape, { ...slice, rowDimension: 2, columnDimension: 0 })).toEqual({
      rows: 200,
      columns: 8,
    });
    expect(sliceSize(shape, undefined)).toEqual({ rows: 8, columns: 24_000 });
    expect(sliceSize([], undefined)).toEqual({ rows: 1, columns: 1 });
    expect(sliceSize([0, 4], undefined)).toEqual({ rows: 1, columns: 4 });
  });

  it('starts with long last dimensions, not with kernels', () => {
    expect(firstSlice(shape)).toEqual({ rowDimension: 1, columnDimension: 2, at: [0, 0, 0] });
    expect(firstSlice([64, 32, 3, 3])).toBeUndefined();
    expect(firstSlice([64, 64])).toBeUndefined();
  });

  it('finds an element in it, moving it where it must', () => {
    expect(placeOf([3, 7, 9], shape, slice)).toEqual({
      place: { row: 7, column: 9 },
      slice: { ...slice, at: [3, 7, 9] },
    });
    expect(placeOf([3, 7, 9], shape, undefined).place).toEqual({ row: 3, column: 7 * 200 + 9 });
    expect(indicesOf({ row: 7, column: 9 }, shape, slice)).toEqual([5, 7, 9]);
    expect(indicesOf({ row: 3, column: 1409 }, shape, undefined)).toEqual([3, 7, 9]);
  });

  it('is taken from a saved state only where it fits', () => {
    expect(restoredSlice({ ...slice, at: [99, -4, 0] }, shape)).toEqual({ ...slice, at: [7, 0, 0] });
    expect(restoredSlice({ ...slice, rowDimension: 2 }, shape)).toBeUndefined();
    expect(restoredSlice({ ...slice, rowDimension: 3 }, shape)).toBeUndefined();
    expect(
      restoreView({ choices: { cells: 'nonsense', percent: -3 }, region: { row0: 'x' } }, shape),
    ).toMatchObject({
      choices: { cells: 'extreme', percent: 99.9, slice: undefined },
      region: undefined,
    });
    expect(restoreView(undefined, shape)).toBeUndefined();
  });
});

describe('decimals', () => {
  it('are parted behind the digits that count', () => {
    // 1/3 in BF16 is 0.333984375; 0.334 tells it from its neighbours.
    expect(splitDecimal('0.333984375', 3)).toEqual({ head: '0.333', noise: '984375', tail: '' });
    expect(splitDecimal('-0.00012207', 2)).toEqual({ head: '-0.00012', noise: '207', tail: '' });
    expect(splitDecimal('12.5', 9)).toEqual({ head: '12.5', noise: '', tail: '' });
    expect(splitDecimal('NaN', 0)).toEqual({ head: 'NaN', noise: '', tail: '' });
    expect(splitDecimal('1.25e-7', 2)).toEqual({ head: '1.2', noise: '5', tail: 'e-7' });
  });

  it('are cut when very long, both ends kept', () => {
    const long = `0.${'123456789'.repeat(20)}`;
    expect(shortenedDecimal(long)).toHaveLength(69);
    expect(shortenedDecimal(long).startsWith(long.slice(0, 60))).toBe(true);
    expect(shortenedDecimal(long).endsWith(long.slice(-8))).toBe(true);
    expect(shortenedDecimal('0.5')).toBe('0.5');
  });
});

describe('the pyramid of a profile', () => {
  const values = Float32Array.from(
    { length: 777 },
    (_, at) => Math.abs(Math.sin(at * 12.9898) * 43758.5453) % 1,
  );

  it('finds the largest of any run, as looking at each does', () => {
    const pyramid = new ProfilePyramid(values);
    for (let from = 0; from < 777; from += 13)
      for (const length of [0, 1, 2, 5, 64, 300, 900]) {
        const plain = values.slice(from, from + length).reduce((most, value) => Math.max(most, value), 0);
        expect(pyramid.largest(from, from + length)).toBe(plain);
      }
    expect(pyramid.greatest).toBe(Math.max(...values));
  });

  it('does without NaN and infinities', () => {
    const pyramid = new ProfilePyramid(Float32Array.from([1, Number.NaN, Number.POSITIVE_INFINITY, 2]));
    expect(pyramid.greatest).toBe(2);
    expect(pyramid.largest(1, 3)).toBe(0);
  });
});

describe('times of frames', () => {
  it('sums up one motion, and begins anew after a pause', () => {
    const times = new FrameTimes();
    for (const [start, draw] of [
      [0, 50],
      [1000, 1],
      [1016, 2],
      [1033, 9],
    ] as const)
      times.add(start, draw);
    expect(times.summary()).toEqual({
      frames: 3,
      drawMedian: 2,
      drawLongest: 9,
      intervalMedian: 17,
      intervalLongest: 17,
    });
  });
});
